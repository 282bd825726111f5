"""What a person sees while responses are sampled."""

import io
import re
import sys
import time
from types import SimpleNamespace

from mtpipe.progress import gpu_memory, show_tokens, token_bar


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


def test_the_gpu_in_use_is_this_process_s_or_else_the_one_of_the_engine_beside_it(monkeypatch, tmp_path):
    cuda = SimpleNamespace(is_initialized=lambda: True, mem_get_info=lambda: (60e9, 80e9))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert gpu_memory() == "GPU 20.0 of 80.0 GB"
    cuda.is_initialized = lambda: False
    command = tmp_path / "nvidia-smi"
    command.write_text('#!/bin/sh\n[ "$2" = 3 ] && echo "1000, 80000" || exit 1\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    moments = iter(range(0, 1000, 100))
    monkeypatch.setattr("mtpipe.progress.time", SimpleNamespace(monotonic=lambda: next(moments)))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    assert gpu_memory() == "GPU 1.0 of 83.9 GB"
    for hidden in ("", "5"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert gpu_memory() == ""
    monkeypatch.setenv("PATH", "")
    assert gpu_memory() == ""
