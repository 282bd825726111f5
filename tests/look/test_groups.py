"""What the viewer says of a group beyond its tokens, and an evaluation's file in it."""

import time

from viewing import choose, settled

from mtpipe.look.evaluation import is_evaluation, write_evaluation_viewer
from mtpipe.look.viewer import Sibling, write_viewer
from mtpipe.records import EVALUATION, PROBLEMS, ROLLOUTS, VERDICTS, read_rows, write_rows

HOSTILE = "</script><script>window.owned=1</script><img src=http://attacker.invalid/x onerror='window.owned=1'>"


def test_a_response_has_its_advantage_and_a_wrong_one_its_answer(browser, folder):
    rows = read_rows(folder / "verdicts.parquet", VERDICTS)
    for row, reward in zip(rows, [1.0, 0.0, 0.0, 0.0] * 3, strict=True):
        row |= {"reward": reward, "verdict": "correct" if reward else "wrong", "answer": "41"}
    rows[3]["masked"] = True
    write_rows(folder / "verdicts.parquet", rows, VERDICTS)
    write_viewer(folder / "rollouts.parquet", folder / "a.html")
    browser.open(folder / "a.html")
    settled(browser)
    facts = browser.run("return [...document.querySelectorAll('.facts')].slice(0, 4).map(facts => facts.textContent)")
    assert ["advantage +1.5" in facts[0], "advantage −0.5" in facts[1], "advantage" in facts[3]] == [True, True, False]
    assert ["answered 41" in shown for shown in facts] == [False, True, True, True]


def test_groups_are_sorted_by_their_share_of_correct_responses(browser, folder):
    rows = read_rows(folder / "verdicts.parquet", VERDICTS)
    for row, letter in zip(rows, "cwwwccccccww", strict=True):
        row["verdict"] = "correct" if letter == "c" else "wrong"
    write_rows(folder / "verdicts.parquet", rows, VERDICTS)
    write_viewer(folder / "rollouts.parquet", folder / "a.html")
    browser.open(folder / "a.html")
    settled(browser)
    order = "return [...document.querySelectorAll('.group')].map(section => section.problem)"
    found = {}
    for name in ("rising", "falling", ""):
        choose(browser, "order", name)
        found[name] = browser.run(order)
    assert found == {"rising": [0, 2, 1], "falling": [1, 2, 0], "": [0, 1, 2]}


def test_a_token_at_temperature_1_has_no_colour_whatever_the_others_have(browser, folder):
    rows = read_rows(folder / "rollouts.parquet", ROLLOUTS)
    for row in rows:
        row["temperatures"] = [1.0, 1.2, 0.9, *[1.0] * (len(row["response_ids"]) - 3)]
    write_rows(folder / "rollouts.parquet", rows, ROLLOUTS)
    write_viewer(folder / "rollouts.parquet", folder / "a.html")
    browser.open(folder / "a.html")
    settled(browser)
    neutral, hot, cold = browser.run(
        "document.querySelector('input[value=temperature]').click();"
        "return [...document.querySelector('.tokens').querySelectorAll('span')].slice(0, 3)"
        ".map(span => getComputedStyle(span).backgroundColor)"
    )
    assert neutral.endswith(("/ 0)", ", 0)"))
    assert len({neutral, hot, cold}) == 3


def test_a_prompt_links_to_the_pages_that_have_it_too_and_says_which_have_not(browser, folder):
    others = [
        Sibling("uniform, round 0", "b.html", frozenset(["problem/00001"])),
        Sibling("token, round 1", "c.html", frozenset()),
    ]
    write_viewer(folder / "rollouts.parquet", folder / "a.html", siblings=others)
    write_viewer(folder / "rollouts.parquet", folder / "b.html")
    browser.open(folder / "a.html")
    settled(browser)
    links = "return [...document.querySelectorAll('main .sibling')].map(link => link.getAttribute('href'))"
    assert browser.run(links) == [None, None, "b.html#problem%2F00001", None, None, None]
    second = "return [...document.querySelectorAll('.group')[1].querySelectorAll('.lacks')].map(one => one.textContent)"
    assert browser.run(second) == ["not drawn in token, round 1"]
    assert browser.run("return document.querySelectorAll('#siblings .sibling').length") == 2


def test_the_way_to_another_page_keeps_the_prompt_or_says_that_it_was_not_drawn_there(browser, folder):
    others = [Sibling("token, round 1", "b.html", frozenset())]
    write_viewer(folder / "rollouts.parquet", folder / "a.html", siblings=others)
    browser.open(folder / "a.html", width=390)  # so that it is longer than the window
    settled(browser)
    leads = (
        "document.querySelectorAll('.group')[arguments[0]].scrollIntoView();"
        "const link = document.querySelector('#siblings a');"
        "link.addEventListener('click', event => event.preventDefault()); link.click();"
        "return link.getAttribute('href').split('/').pop()"
    )
    assert browser.run(leads, 1) == "b.html#problem%2F00001"
    arrives = "location.hash = arguments[0]; dispatchEvent(new HashChangeEvent('hashchange')); return null"
    lost = "return document.getElementById('lost').textContent"
    for prompt, told in (
        ("problem%2F00001", ""),
        ("problem%2F00007", "problem/00007 is not on this page, which has other problems."),
    ):
        browser.run(arrives, prompt)
        assert browser.run(lost) == told
    choose(browser, "prompt", "problem/00002")
    browser.run(arrives, "problem%2F00001")
    assert browser.run(lost) == "problem/00001 does not pass these filters."


def test_the_way_to_a_prompt_ends_below_the_header_however_high_and_many_other_pages_are_folded(browser, folder):
    others = [Sibling(f"arm_with_a_long_name_{number}, round 1", "b.html", frozenset()) for number in range(29)]
    write_viewer(folder / "rollouts.parquet", folder / "a.html", siblings=others)
    browser.open(folder / "a.html")
    settled(browser)
    assert browser.run("return document.querySelectorAll('details:not([open]) .sibling').length") >= 2 * 29
    browser.run("document.querySelector('#siblings details').open = true; document.body.style.paddingBottom = '2000px'")
    browser.run("location.hash = 'problem%2F00001'; dispatchEvent(new HashChangeEvent('hashchange'))")
    time.sleep(0.5)  # it scrolls once more after 250 ms
    header, top = browser.run(
        "return [document.querySelector('header').getBoundingClientRect().bottom,"
        " document.querySelectorAll('.group')[1].getBoundingClientRect().top]"
    )
    assert header > 150
    assert 0 <= top - header < 20


def test_an_evaluation_opens_as_text_with_verdicts_and_right_answers(browser, tmp_path):
    folder = tmp_path / "data"
    rows = [
        {
            **{"benchmark": "same", "problem_id": "same-0", "sample": sample, "correct": sample == 1, "answer": "4"},
            **{"verdict": ["wrong", "correct"][sample], "tokens": 9, "finish_reason": "stop", "text": HOSTILE},
        }
        for sample in range(2)
    ]
    problem = {"problem_id": "same-0", "task": "t", "split": "same", "prompt": "1+2>", "answer": "3", "meta": ""}
    file = folder / "evaluation" / "token" / "seed1" / "after2.parquet"
    for path, values, schema in (
        (file, rows, EVALUATION),
        (folder / "benchmarks" / "same.parquet", [problem], PROBLEMS),
    ):
        path.parent.mkdir(parents=True)
        write_rows(path, values, schema)
    assert is_evaluation(file)
    assert not is_evaluation(folder / "benchmarks" / "same.parquet")
    assert not is_evaluation(folder / "absent.parquet")
    assert "2 responses to 1 prompts" in write_evaluation_viewer(file, tmp_path / "a.html")
    browser.open(tmp_path / "a.html")
    settled(browser)
    shown = browser.run("return document.querySelector('.group').textContent")
    for part in ("1+2>", "right answer: 3", "1 of 2 correct", "9 tok", HOSTILE):
        assert part in shown
    assert browser.run("return window.owned") is None
