import json

import pytest
from pydantic import ValidationError

from mtpipe.sampling.drawing.randomness import response_uniform
from mtpipe.temperature.arm import Arm
from mtpipe.temperature.plan_table import format_plans
from mtpipe.temperature.planning import plan_round
from mtpipe.temperature.round_plan import RoundPlan, RoundTemperatures
from mtpipe.tracking.description import describe_temperatures

THRESHOLD = {"kind": "entropy_threshold", "low": 1.0, "high": 1.2, "threshold": {"nats": 0.4}}


def resolved(arm: dict, round: int = 0, group_size: int = 2) -> list[dict]:
    return plan_round("arm", Arm.model_validate(arm), round, group_size).model_dump()["group"]


def rule_numbers(responses: list[dict], name: str) -> list[float]:
    return [response["rule"][name] for response in responses]


def test_offsets_shift_the_schedule():
    arm = {"schedule": {"kind": "linear", "start": 1.0, "end": 1.4, "over": 4}, "spread": {"offsets": [-0.3, 0.3]}}
    assert rule_numbers(resolved(arm, round=2), "temperature") == [0.9, 1.5]


def test_absolute_temperatures_stand_in_the_schedules_place():
    assert rule_numbers(resolved({"spread": {"temperatures": [0.7, 1.1]}}), "temperature") == [0.7, 1.1]


def test_a_token_rule_without_schedule_stays_at_its_own_temperatures():
    responses = resolved({"token": {**THRESHOLD, "low": 1.2, "high": 1.6}})
    assert rule_numbers(responses, "low") == [1.2, 1.2]
    assert rule_numbers(responses, "high") == [1.6, 1.6]


@pytest.mark.parametrize(("moves", "low"), [("high", [1.0, 1.0]), ("all", [1.1, 1.3])])
def test_moves_says_whether_knowledge_tokens_follow_schedule_and_spread(moves, low):
    arm = {
        "schedule": {"kind": "constant", "value": 1.2},
        "spread": {"offsets": [-0.1, 0.1]},
        "token": {**THRESHOLD, "moves": moves},
    }
    responses = resolved(arm)
    assert rule_numbers(responses, "low") == low
    assert rule_numbers(responses, "high") == [1.3, 1.5]


def test_a_token_rule_whose_two_temperatures_agree_resolves_to_a_uniform_one():
    assert resolved({"token": {**THRESHOLD, "high": 1.0}}) == resolved({})


def test_settings_that_lead_to_the_same_temperatures_make_the_same_plan():
    constant = {"schedule": {"kind": "constant", "value": 1.1}}
    linear = {"schedule": {"kind": "linear", "start": 1.0, "end": 1.2, "over": 2}}
    assert resolved(constant, round=1) == resolved(linear, round=1)


def test_a_plan_has_its_arms_truncation_and_each_response_of_the_round_its_own_plan(tmp_path):
    arm = Arm.model_validate({"spread": {"offsets": [0.2, -0.1, 0.0]}, "truncation": {"min_p": 0.1}})
    temperatures = RoundTemperatures(plan_round("arm", arm, 1, 3), tmp_path)
    assert temperatures.truncation.min_p == 0.1
    assert [temperatures.response(sample, 0.9).base for sample in range(3)] == [1.2, 0.9, 1.0]
    assert [temperatures.response(sample, 0.9).rule.temperature for sample in range(3)] == [1.2, 0.9, 1.0]


def test_a_drawn_responses_rule_is_that_of_its_round(tmp_path):
    token = {"kind": "annealed", "decay": 25.0, "growth": 5.0}
    arm = Arm.model_validate({"spread": {"drawn": {"kind": "uniform", "low": 1.0, "high": 1.4}}, "token": token})
    for round in (0, 3):
        response = RoundTemperatures(plan_round("arm", arm, round, 3), tmp_path).response(0, 0.5)
        assert (response.base, response.rule.top, response.rule.decay) == (1.2, 1.2, 25 + 5 * round)


def test_the_responses_that_explore_are_a_whole_number_and_stand_in_the_plan():
    arm = Arm.model_validate({"mixed_cuts": {"share": 0.25}})
    plan = plan_round("mixed", arm, 0, 8)
    assert plan.mixed_cuts.explorers(8) == 2
    assert "mixed_cuts share=0.25 top_k=5 threshold=0.03 warm_up=5" in format_plans([plan])
    described = describe_temperatures(arm.model_dump(mode="json", exclude_none=True))
    assert described == "mixed_cuts (share 0.25, top_k 5, threshold 0.03, warm_up 5)"
    with pytest.raises(ValueError, match=r"arm 'mixed', round 0: mixed_cuts.share is 0.25, .* of 6 responses is 1.5"):
        plan_round("mixed", arm, 0, 6)
    with pytest.raises(ValueError, match="mixed_cuts and truncation both say which tokens may be drawn"):
        Arm.model_validate({"mixed_cuts": {}, "truncation": {"top_p": 0.9}})
    with pytest.raises(ValueError, match="where mixed_cuts would have cut other tokens"):
        Arm.model_validate({"mixed_cuts": {}, "controller": {"kind": "tampo"}})


def test_a_plan_survives_its_file():
    plan = plan_round("arm", Arm.model_validate({"token": THRESHOLD}), 3, 2)
    assert RoundPlan.model_validate(json.loads(plan.model_dump_json())) == plan


def test_a_spread_that_does_not_fit_the_group_is_refused():
    with pytest.raises(ValueError, match="3 entries for a group of 2"):
        resolved({"spread": {"offsets": [0.0, 0.1, 0.2]}})


@pytest.mark.parametrize(
    "arm",
    [
        {"schedule": {"kind": "constant", "value": 0.3}, "spread": {"offsets": [0.0, -0.3]}},
        {"schedule": {"kind": "staircase", "start": 1.0, "increment": -0.5, "every": 1}},
        {"token": {**THRESHOLD, "high": 0.5}, "spread": {"offsets": [0.0, -0.5]}, "schedule": None},
    ],
)
def test_a_temperature_that_would_not_stay_above_zero_names_the_arm_and_the_round(arm):
    with pytest.raises(ValueError, match=r"arm 'arm', round 2: .* stay above 0"):
        resolved(arm, round=2)


def test_a_spread_narrows_over_training_and_its_plan_is_that_of_the_narrower_offsets():
    scale = {"kind": "linear", "start": 1, "end": 0, "over": 4}
    annealed = {"spread": {"offsets": [-0.4, 0.4], "scale": scale}}
    assert resolved(annealed, round=1) == resolved({"spread": {"offsets": [-0.3, 0.3]}})
    assert rule_numbers(resolved(annealed, round=4), "temperature") == [1.0, 1.0]


@pytest.mark.parametrize(
    ("spread", "expected"),
    [
        ({"temperatures": [0.7, 1.1], "scale": {"kind": "constant", "value": 1}}, "scale multiplies offsets"),
        ({"temperatures": [0.7], "offsets": [0.0]}, "one of them, and one only"),
        ({}, "one of them, and one only"),
        ({"drawn": {"kind": "uniform", "low": 1.2, "high": 0.8}}, r"low \(1\.2\) has to be at most high \(0\.8\)"),
        ({"drawn": {"kind": "choice", "temperatures": [1.0], "weights": [1, 2]}}, "one for each of the 1 temperatures"),
        ({"drawn": {"kind": "choice", "temperatures": [1.0], "weights": [0]}}, "not all 0"),
    ],
)
def test_a_spread_that_says_two_things_or_nothing_is_refused(spread, expected):
    with pytest.raises(ValidationError, match=expected):
        Arm.model_validate({"spread": spread})


def test_a_drawn_spread_keeps_its_settings_in_the_plan_and_needs_no_schedule():
    drawn = {"spread": {"drawn": {"kind": "log_uniform", "low": 0.5, "high": 2.0}}, "token": THRESHOLD}
    plan = plan_round("arm", Arm.model_validate(drawn), 1, 8)
    assert RoundPlan.model_validate(json.loads(plan.model_dump_json())) == plan
    assert [response.base for response in plan.responses()] == [0.5, 2.0]
    with pytest.raises(ValidationError, match="leave the schedule no effect"):
        Arm.model_validate({**drawn, "schedule": {"kind": "constant", "value": 1.0}})


def test_a_drawn_spread_whose_coldest_token_would_not_stay_above_zero_is_refused():
    token = {**THRESHOLD, "low": 1.5, "high": 0.6, "moves": "all"}
    with pytest.raises(ValueError, match=r"arm 'arm', round 0: .* stay above 0"):
        resolved({"spread": {"drawn": {"kind": "uniform", "low": 0.5, "high": 1.0}}, "token": token})


def of_responses(drawn: dict, tmp_path, round: int = 0, seed: int = 1) -> list[float]:
    plan = plan_round("arm", Arm.model_validate({"spread": {"drawn": drawn}}), round, 8)
    temperatures = RoundTemperatures(plan, tmp_path)
    return [
        temperatures.response(sample, response_uniform(seed, f"round {round}", problem, sample)).base
        for problem in map(str, range(200))
        for sample in range(8)
    ]


@pytest.mark.slow
def test_drawn_temperatures_follow_their_distribution(tmp_path):
    uniform = of_responses({"kind": "uniform", "low": 0.6, "high": 1.4}, tmp_path)
    assert 0.6 <= min(uniform) < 0.61 < 1.39 < max(uniform) <= 1.4
    assert sum(uniform) / 1600 == pytest.approx(1.0, abs=0.03)
    logarithmic = of_responses({"kind": "log_uniform", "low": 0.5, "high": 2.0}, tmp_path)
    assert sum(found < 1.0 for found in logarithmic) / 1600 == pytest.approx(0.5, abs=0.06)
    choice = of_responses({"kind": "choice", "temperatures": [0.7, 1.0, 1.3], "weights": [1, 0, 3]}, tmp_path)
    assert {0.7, 1.3} == set(choice)
    assert choice.count(1.3) / 1600 == pytest.approx(0.75, abs=0.06)


@pytest.mark.slow
def test_a_drawn_temperature_is_a_function_of_seed_round_problem_and_sample(tmp_path):
    drawn = {"kind": "uniform", "low": 0.6, "high": 1.4}
    assert of_responses(drawn, tmp_path) == of_responses(drawn, tmp_path)
    rounds = {*of_responses(drawn, tmp_path), *of_responses(drawn, tmp_path, round=1)}
    assert len(rounds) > 3100, "all differ, but for some that are one to the digits of a plan"
    assert of_responses(drawn, tmp_path, seed=2) != of_responses(drawn, tmp_path)
