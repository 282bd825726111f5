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
