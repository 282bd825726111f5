"""The report of a study with thirty arms, one seed and one evaluated round, in a real browser."""

from pathlib import Path

import pytest
from builders import write_params

from benchmarks.synthetic_study import write_study
from mtpipe.params import load_params
from mtpipe.report.collect import collect
from mtpipe.report.comparison import compare
from mtpipe.report.page import render_page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    heats = {f"arm_with_a_long_name_{number}": 1 + number / 100 for number in range(29)}
    changes = {"arms": ["uniform", *heats], "seeds": [1], "rounds": 2, "report.resamples": 100}
    for arm, heat in heats.items():
        changes[f"temperature.{arm}"] = {"schedule": {"kind": "constant", "value": heat}}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_params(changes)
        write_study(load_params(), 10)
        study = collect(load_params())
        (folder / "index.html").write_text(render_page(study, compare(study)))
    return folder / "index.html"


@pytest.mark.parametrize(("width", "first"), [(390, 700), (1400, 450)])
def test_the_first_table_begins_on_the_first_screen(browser, page, width, first):
    browser.open(page, width=width)
    assert browser.run("return document.querySelector('h1').textContent") == "What temperature did: 30 arms"
    assert browser.run("return document.querySelector('.glance').getBoundingClientRect().top") < first


def test_a_single_evaluated_round_has_no_picture_by_rounds_of_the_lead(browser, page):
    browser.open(page)
    named = "return [...document.querySelectorAll('svg[role=img]')].map(svg => svg.getAttribute('aria-labelledby'))"
    pictures = browser.run(named)
    assert "forest-0-title" in pictures
    assert [name for name in pictures if name.startswith("lead-")] == []


def test_the_corner_labels_of_the_entropies_do_not_touch(browser, page):
    browser.open(page, width=390)
    shown, touching = browser.run(
        "const svg = document.querySelector('svg[aria-labelledby=entropy-uniform-title]');"
        "const boxes = [...svg.querySelectorAll('[id*=tick] text')].map(text => text.getBoundingClientRect());"
        "return [boxes.length, boxes.flatMap((one, index) => boxes.slice(index + 1).filter(other =>"
        " one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom"
        ")).length]"
    )
    assert shown > 5
    assert touching == 0


def test_a_table_that_scrolls_has_an_edge_and_its_groups_names_stay_in_sight(browser, page):
    browser.open(page, width=390)
    wide, shadows, beyond = browser.run(
        "const wide = [...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth);"
        "const ends = one => [...one.querySelectorAll('tr.group th')].map(head => {"
        " one.scrollLeft = 80; const name = head.firstElementChild ?? head;"
        " const box = name.getBoundingClientRect(), frame = one.getBoundingClientRect();"
        " return box.left < frame.left || box.right > frame.right; });"
        "return [wide.length, wide.filter(one => getComputedStyle(one).backgroundImage.includes('gradient')).length,"
        " wide.flatMap(ends).filter(Boolean).length]"
    )
    assert wide > 0
    assert (shadows, beyond) == (wide, 0)
