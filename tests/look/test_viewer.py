"""The rollout viewer: its file, its errors, and how it does in a real browser with 10 000 responses."""

import shutil
import time
from pathlib import Path

import pytest
from viewing import choose, settled

from benchmarks.synthetic_study import write_rollouts
from mtpipe import paths
from mtpipe.__main__ import main
from mtpipe.errors import MtpipeError
from mtpipe.look import viewer
from mtpipe.look.viewer import write_viewer
from mtpipe.records import ROLLOUTS, VERDICTS, read_rows, write_rows

HOSTILE = "</script><script>window.owned=1</script><img src=http://attacker.invalid/x onerror='window.owned=1'>"


def test_the_same_file_gives_the_same_page_at_another_time(folder, monkeypatch):
    write_viewer(folder / "rollouts.parquet", folder / "a.html")
    monkeypatch.setattr(time, "time", lambda: 1e9)
    write_viewer(folder / "rollouts.parquet", folder / "b.html")
    assert (folder / "a.html").read_bytes() == (folder / "b.html").read_bytes()


def test_a_missing_tokenizer_and_lists_of_different_length_are_named(folder):
    rows = read_rows(folder / "rollouts.parquet", ROLLOUTS)
    rows[5]["entropies"] = rows[5]["entropies"][1:]
    write_rows(folder / "rollouts.parquet", rows, ROLLOUTS)
    with pytest.raises(MtpipeError, match=r"rollouts\.parquet, row 5: entropies has"):
        write_viewer(folder / "rollouts.parquet", folder / "a.html")
    write_rollouts(folder, 1, 2, 5, 18)
    (folder / "policy" / "tokenizer.json").write_text("{")
    with pytest.raises(MtpipeError, match="not readable as a tokenizer"):
        write_viewer(folder / "rollouts.parquet", folder / "a.html")
    shutil.rmtree(folder / "policy")
    with pytest.raises(MtpipeError, match=r"tokenizer\.json is missing.*--tokenizer"):
        write_viewer(folder / "rollouts.parquet", folder / "a.html")
    assert not (folder / "a.html").exists()


def test_more_tokens_than_a_browser_holds_leave_out_whole_groups_from_the_end(folder, monkeypatch):
    lengths = [len(row["response_ids"]) for row in read_rows(folder / "rollouts.parquet", ROLLOUTS)]
    monkeypatch.setattr(viewer, "MOST_TOKENS", sum(lengths[:9]))
    assert "8 responses to 2 prompts" in write_viewer(folder / "rollouts.parquet", folder / "a.html")
    monkeypatch.setattr(viewer, "MOST_TOKENS", 1)
    assert "4 responses to 1 prompts" in write_viewer(folder / "rollouts.parquet", folder / "a.html")


def test_the_command_writes_beside_the_report_and_says_its_errors_without_a_traceback(tmp_path, folder, monkeypatch):
    target = tmp_path / paths.rollouts("token", 1, 4).parent
    target.parent.mkdir(parents=True)
    shutil.copytree(folder, target)
    shutil.copytree(folder / "policy", tmp_path / paths.policy("token", 1, 4))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["mtpipe", "look", str(paths.rollouts("token", 1, 4))])
    main()
    assert paths.viewer_of(paths.rollouts("token", 1, 4)).is_file()
    monkeypatch.setattr("sys.argv", ["mtpipe", "look", "absent.parquet"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == "error: absent.parquet is missing; `dvc repro` makes it"


# ---- in the browser ----


def test_hovering_shows_the_numbers_of_exactly_that_token(browser, folder):
    row = read_rows(folder / "rollouts.parquet", ROLLOUTS)[2]
    page = folder / "a.html"
    write_viewer(folder / "rollouts.parquet", page)
    browser.open(page)
    settled(browser)
    shown = browser.run(
        "const span = document.querySelectorAll('.tokens')[2].querySelectorAll('span')[arguments[0]];"
        "span.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));"
        "const terms = [...document.querySelectorAll('#tip dt')];"
        "return Object.fromEntries(terms.map(term => [term.textContent, term.nextSibling.textContent]))",
        5,
    )
    assert int(shown["id"]) == row["response_ids"][5]
    assert int(shown["position"]) == 5
    assert float(shown["entropy"].split()[0]) == pytest.approx(row["entropies"][5], abs=6e-4)
    assert float(shown["temperature"]) == pytest.approx(row["temperatures"][5], abs=6e-4)
    assert float(shown["log-prob"].replace("−", "-")) == pytest.approx(row["behaviour_logprobs"][5], abs=6e-4)


def test_the_hotter_a_token_the_stronger_its_colour(browser, folder):
    row = read_rows(folder / "rollouts.parquet", ROLLOUTS)[0]
    page = folder / "a.html"
    write_viewer(folder / "rollouts.parquet", page)
    browser.open(page)
    settled(browser)
    alphas = """
        document.querySelector(`input[value=${arguments[0]}]`).click();
        return [...document.querySelector('.tokens').querySelectorAll('span')].map(span => {
            const colour = getComputedStyle(span).backgroundColor;
            return colour.includes('/') ? parseFloat(colour.split('/')[1]) : colour === 'rgba(0, 0, 0, 0)' ? 0 : 1;
        });
    """
    for colour, values in (
        ("entropy", row["entropies"]),
        ("surprise", [-value for value in row["behaviour_logprobs"]]),
    ):
        strengths = browser.run(alphas, colour)
        ordered = sorted(zip(values, strengths, strict=True))
        assert [strength for _, strength in ordered] == sorted(strengths)
        assert len(set(strengths)) > 2


def test_filters_by_verdict_reward_temperature_and_prompt_keep_what_they_say(browser, folder):
    rollouts, verdicts = (
        read_rows(folder / f"{name}.parquet", schema)
        for name, schema in (("rollouts", ROLLOUTS), ("verdicts", VERDICTS))
    )
    for row in rollouts:
        row["temperatures"] = [1.0 if row["sample"] < 2 else 1.2] * len(row["response_ids"])
    write_rows(folder / "rollouts.parquet", rollouts, ROLLOUTS)
    page = folder / "a.html"
    write_viewer(folder / "rollouts.parquet", page)
    browser.open(page)
    settled(browser)
    wrong = sum(row["verdict"] == "wrong" for row in verdicts)
    assert choose(browser, "verdict", "wrong").startswith(f"{wrong} of 12 responses")
    assert choose(browser, "verdict", "").startswith("12 responses to 3 prompts")
    for index, row in enumerate(verdicts):
        row["reward"] = float(index % 4 == 0)
    write_rows(folder / "verdicts.parquet", verdicts, VERDICTS)
    write_viewer(folder / "rollouts.parquet", page)
    browser.open(page)
    settled(browser)
    assert choose(browser, "reward", "1 1").startswith("3 of 12 responses")
    choose(browser, "reward", "")
    assert choose(browser, "temperature", "1.2 1.2").startswith("6 of 12 responses to 3 prompts")
    choose(browser, "temperature", "")
    assert choose(browser, "prompt", "problem/00001").startswith("4 of 12 responses to 1 prompts")
    assert choose(browser, "prompt", "nowhere").startswith("0 of 12 responses")


def test_a_reward_of_several_parts_is_shown_with_each(browser, folder):
    rows = read_rows(folder / "verdicts.parquet", VERDICTS)
    for index, row in enumerate(rows):
        row |= {"reward": index / 7, "parts": [("correct", 1.0), ("plugins.waits.waits", float(index))]}
    write_rows(folder / "verdicts.parquet", rows, VERDICTS)
    page = folder / "a.html"
    write_viewer(folder / "rollouts.parquet", page)
    browser.open(page)
    settled(browser)
    facts = browser.run("return [...document.querySelectorAll('.facts')].slice(0, 4).map(facts => facts.textContent)")
    assert [f"plugins.waits.waits {index}" in shown for index, shown in enumerate(facts)] == [True] * 4
    assert choose(browser, "reward", "0.286 0.286").startswith("1 of 12 responses")


def test_hostile_text_stays_text(browser, folder, monkeypatch):
    rows = read_rows(folder / "verdicts.parquet", VERDICTS)
    rows[0] |= {"verdict": HOSTILE, "detail": HOSTILE}
    write_rows(folder / "verdicts.parquet", rows, VERDICTS)
    monkeypatch.setattr(viewer.TokenTexts, "of", lambda self, token: (HOSTILE, 0))
    monkeypatch.setattr(viewer.TokenTexts, "prompt", lambda self, tokens: HOSTILE)
    page = folder / "a.html"
    write_viewer(folder / "rollouts.parquet", page)
    assert "attacker" not in page.read_text()
    browser.open(page)
    settled(browser)
    assert (
        browser.run(
            "return [document.querySelector('.tokens span').textContent, document.querySelector('h2').textContent]"
        )
        == [HOSTILE] * 2
    )
    assert browser.run("return window.owned") is None
    assert browser.run("return document.images.length") == 0
    assert browser.complaints() == []
    assert {address for address in browser.requests() if not address.startswith(("data:", "blob:"))} == {
        page.resolve().as_uri()
    }


@pytest.fixture(scope="module")
def large(tmp_path_factory, policy_folder) -> Path:
    folder = tmp_path_factory.mktemp("large")
    rollouts = write_rollouts(folder, groups=1250, group_size=8, tokens=40, vocabulary=18)
    write_viewer(rollouts, folder / "large.html", policy_folder / "tokenizer.json")
    return folder / "large.html"


def test_ten_thousand_responses_hold_few_elements_wherever_one_scrolls(browser, large):
    assert large.stat().st_size < 4_000_000
    browser.open(large)
    settled(browser)
    assert browser.run("return document.getElementById('count').textContent").startswith("10,000 responses to 1,250")
    for part in (0.0, 0.5, 1.0, 0.2, 0.7, 0.9, 0.3, 0.6, 0.8, 0.4):
        browser.run("scrollTo(0, arguments[0] * document.documentElement.scrollHeight)", part)
        deadline = time.monotonic() + 20
        visible = "return document.elementFromPoint(200, 500)?.closest('.group')?.querySelector('.tokens span') != null"
        while not browser.run(visible):
            assert time.monotonic() < deadline, f"nothing is shown at {part}"
            time.sleep(0.05)
        assert browser.run("return document.querySelectorAll('.tokens span').length") < 10_000
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.complaints() == []


def test_on_a_phone_nothing_is_wider_than_the_window(browser, large):
    browser.open(large, width=390)
    settled(browser)
    assert browser.run("return [document.documentElement.scrollWidth, innerWidth]") == [390, 390]
