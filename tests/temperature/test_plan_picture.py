"""The picture of `mtpipe temperatures --plot`: one scale, whole titles, two curves for rules that follow two things."""

from pathlib import Path

import pytest

from mtpipe.temperature.arm import Arm
from mtpipe.temperature.plan_picture import plan_figure
from mtpipe.temperature.planning import plan_round

pytestmark = pytest.mark.slow

LONG = "an_arm_with_a_name_that_is_longer_than_any_panel_of_this_picture_is_wide"
ARMS = {
    "uniform": {"schedule": {"kind": "constant", "value": 1.0}},
    LONG: {"token": {"kind": "entropy_threshold", "low": 0.6, "high": 1.7, "threshold": {"nats": 0.4}}},
    "adapt": {"token": {"kind": "adapt", "low": 0.9, "high": 1.2}},
}


def axes_of(arms: dict[str, dict]) -> dict:
    plans = [plan_round(name, Arm.model_validate(arm), round, 2) for name, arm in arms.items() for round in (0, 1)]
    figure = plan_figure(plans, 40, Path("absent"))
    figure.draw_without_rendering()
    return {axis.get_title().replace("\n", ""): axis for axis in figure.axes if axis.get_title()}


def test_all_panels_have_the_scale_of_the_widest():
    limits = {axis.get_ylim() for axis in axes_of(ARMS).values()}
    assert len(limits) == 1
    ((low, high),) = limits
    assert low < 0.6
    assert high > 1.7


def test_a_long_title_stands_whole_in_lines_that_fit():
    found = axes_of(ARMS)
    assert LONG in found
    for axis in found.values():
        assert max(map(len, axis.get_title().split("\n"))) <= 32


def test_a_rule_of_lines_has_a_curve_for_a_lines_first_token_and_one_for_the_others():
    lines = axes_of(ARMS)["adapt, round 1"].get_lines()
    assert {line.get_label(): set(line.get_ydata().tolist()) for line in lines} == {
        "a line's first token": {1.2},
        "other tokens": {0.9},
    }


def test_a_random_rule_has_no_curve_within_a_response():
    found = axes_of({"chance": {"token": {"kind": "random_share", "low": 0.9, "high": 1.2}}})
    assert found.keys() == {"chance"}
