import re
from types import SimpleNamespace

import pytest

from mtpipe.report.temperature_pictures import (
    ADVANTAGE,
    RESPONSES,
    contribution_pictures,
    diversity_pictures,
    planned_temperatures,
)
from mtpipe.temperature.arm import Arm
from mtpipe.temperature.planning import plan_round


def test_what_a_controller_set_is_shown_as_it_was_sampled():
    arm = Arm.model_validate({"controller": {"kind": "entropy_target"}})
    sampled = {0: [(1.0, 1.0), (1.0, 1.0)], 1: [(0.9, 1.1), (1.2, 1.3)]}
    study = SimpleNamespace(
        params=SimpleNamespace(rounds=[SimpleNamespace(n=0), SimpleNamespace(n=1)]),
        plans={("arm", round): plan_round("arm", arm, round, 2) for round in (0, 1)},
        over_seeds=lambda arm, round: [
            {"temperature_min": low, "temperature_max": high} for low, high in sampled[round]
        ],
    )
    assert planned_temperatures(study, "arm")["set by the controller"].tolist() == [[1.0, 1.0], [0.9, 1.3]]


def test_bars_tell_their_values_and_the_temperatures_below_them():
    shares = [
        {"temperature": 0.7, "reward": 0.5, "positive_advantage_share": 0.75, "responses": 6},
        {"temperature": 1.3, "reward": 0.25, "positive_advantage_share": 0.25, "responses": 2},
    ]
    params = SimpleNamespace(arms=["spread"])
    study = SimpleNamespace(params=params, last_round=4, over_seeds=lambda arm, round: [{"temperatures": shares}])
    (picture,) = contribution_pictures(study)
    told = set(re.findall(r'data-series="([^"]+)" data-x="([^"]+)" data-y="([^"]+)"', picture.svg))
    assert told == {
        ("mean reward", "0.7", "0.5"),
        ("mean reward", "1.3", "0.25"),
        (ADVANTAGE, "0.7", "0.75"),
        (ADVANTAGE, "1.3", "0.25"),
        (RESPONSES, "0.7", "0.75"),
        (RESPONSES, "1.3", "0.25"),
    }


def test_diversity_is_drawn_by_temperature_as_a_mean_over_the_runs_that_have_it():
    runs = [
        [
            {"temperature": 0.7, "different_responses": 0.5, "different_answers": 0.25},
            {"temperature": 1.3, "different_responses": 0.75, "different_answers": 0.5},
        ],
        [{"temperature": 1.3, "different_responses": 1.0, "different_answers": 0.75}],
    ]
    study = SimpleNamespace(
        params=SimpleNamespace(arms=["uniform", "spread"]),
        last_round=4,
        over_seeds=lambda arm, round: [{"temperatures": run if arm == "spread" else run[-1:]} for run in runs],
    )
    (picture,) = diversity_pictures(study)
    told = set(re.findall(r'data-series="([^"]+)" data-x="([^"]+)" data-y="([^"]+)"', picture.svg))
    assert told == {
        ("different texts", "0.7", "0.5"),
        ("different texts", "1.3", "0.875"),
        ("different answers", "0.7", "0.25"),
        ("different answers", "1.3", "0.625"),
    }
    assert "T = 1.3 has 88 % different texts and 62 % different answers" in picture.svg


@pytest.mark.parametrize(("number", "upright"), [(8, 0), (16, 16)])
def test_the_labels_of_many_temperatures_stand_upright(number, upright):
    shares = [
        {"temperature": 0.5 + step / 10, "reward": 0.5, "positive_advantage_share": 1 / number, "responses": 2}
        for step in range(number)
    ]
    params = SimpleNamespace(arms=["spread"])
    study = SimpleNamespace(params=params, last_round=4, over_seeds=lambda arm, round: [{"temperatures": shares}])
    (picture,) = contribution_pictures(study)
    axis = picture.svg.partition('-matplotlib.axis_1"')[2].partition('-matplotlib.axis_2"')[0]
    assert axis.count("rotate(-90") == upright
