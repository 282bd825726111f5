import json

import pytest

from mtpipe.arms.arm import Arm
from mtpipe.arms.plan import plan_round
from mtpipe.temperature.round_plan import RoundPlan

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
