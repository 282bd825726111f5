"""What a person sees while responses are sampled."""

import io
import re
import time

from mtpipe.progress import show_tokens, token_bar


def test_the_bar_has_tokens_and_their_rate_and_no_time_left(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(screen, "isatty", lambda: True)
    with token_bar(4, "rollout token round 0") as bar:
        bar.mininterval = 0.0
        for tokens in (1000, 2000, 3000, 4000):
            time.sleep(0.01)
            show_tokens(bar, tokens)
            bar.update()
    last = screen.getvalue().split("\r")[-1]
    assert last.startswith("rollout token round 0: 100%")
    assert "4/4 responses" in last
    tokens, rate = re.search(r"(\S+) tokens, (\S+) tokens/s", last).groups()
    assert tokens == "4,000"
    assert 1000 < float(rate.replace(",", "")) <= 4000 / 0.04
    assert "?" not in last
    assert "<" not in last, "responses of one batch end together, so a remaining time would be made up"
