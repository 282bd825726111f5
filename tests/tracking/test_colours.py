"""The colours of runs in MLflow."""

import pytest

from mtpipe.report.svg import look
from mtpipe.tracking.colours import ASIDE, run_colour


@pytest.mark.parametrize(("arms", "seeds"), [(1, 1), (6, 10), (30, 10), (40, 3)])
def test_no_two_runs_share_a_colour_and_none_has_that_of_runs_set_aside(arms, seeds):
    names, numbers = [f"arm{n}" for n in range(arms)], list(range(1, seeds + 1))
    found = [run_colour(names, arm, numbers, seed) for arm in names for seed in numbers]
    assert len(set(found) | {ASIDE}) == arms * seeds + 1
    assert {len(colour) for colour in found} == {7}


def test_an_arm_has_the_colour_that_the_report_draws_it_in():
    from importlib.resources import files

    css = files("mtpipe.report").joinpath("common.css").read_text().partition("@media")[0]
    names = [f"arm{n}" for n in range(6)]
    for number, arm in enumerate(names):
        variable = look(number).css.removeprefix("var(").removesuffix(")")
        assert f"{variable}: {run_colour(names, arm, [1, 2], 1)}" in css
