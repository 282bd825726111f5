"""What rounds, evaluations, calibrations and probes ask of an engine, to the last value."""

import json
from dataclasses import replace

import pytest

from mtpipe.errors import MtpipeError
from mtpipe.sampling.drawing.randomness import response_uniform
from mtpipe.sampling.rounds import (
    calibration_entropies,
    draw_problems,
    sample_evaluation,
    sample_round,
    sample_uniform,
)
from mtpipe.temperature.arm import Arm
from mtpipe.temperature.mixed_cuts import MixedCuts
from mtpipe.temperature.planning import plan_round
from mtpipe.temperature.round_plan import RoundTemperatures
from mtpipe.temperature.truncation import NONE, Truncation

STOP = {"meta": json.dumps({"stop": ["=", ","]})}
PROBLEMS = [{"problem_id": f"p{n}", "prompt": f"{n}+2>", **STOP} for n in range(3)]
IDS = [(f"p{n}", sample) for n in range(3) for sample in range(4)]
OFFSETS = [0.2, -0.1, 0.0, 0.3]
DRAWN = {"kind": "uniform", "low": 0.5, "high": 1.5}


def at(spread: dict, tmp_path, round: int = 2, **arm) -> RoundTemperatures:
    return RoundTemperatures(plan_round("arm", Arm.model_validate({"spread": spread, **arm}), round, 4), tmp_path)


@pytest.fixture
def sampling(params):
    return params.sampling.model_copy(update={"group_size": 4, "max_new_tokens": 9, "batch_size": 7})


def test_a_round_asks_with_its_own_purpose_and_each_response_at_its_own_temperature(asked, sampling, tmp_path):
    temperatures = at({"offsets": OFFSETS}, tmp_path, truncation={"top_p": 0.9})
    rollouts = list(sample_round(asked, PROBLEMS, temperatures, 7, 2, sampling))
    plan = asked.plan
    assert (plan.seed, plan.purpose, plan.max_new_tokens, plan.batch_size) == (7, "round 2", 9, 7)
    assert (plan.truncation, plan.record_masks, plan.stop) == (Truncation(top_p=0.9), True, ("=", ","))
    assert [(one.problem_id, one.sample) for one in asked.requests] == IDS
    assert [asked.vocabulary.decode(one.prompt_ids) for one in asked.requests] == [f"{id[1]}+2>" for id, _ in IDS]
    assert [one.base for one in asked.requests] == [1 + offset for offset in OFFSETS] * 3
    assert [one.rule.temperature for one in asked.requests] == [1 + offset for offset in OFFSETS] * 3
    assert [(one.problem_id, one.sample) for one in rollouts] == IDS


def test_the_last_responses_of_each_group_explore_and_the_plan_says_how(asked, sampling, tmp_path):
    settings = {"share": 0.25, "top_k": 3, "threshold": 0.1, "warm_up": 2}
    temperatures = at({"offsets": OFFSETS}, tmp_path, mixed_cuts=settings)
    list(sample_round(asked, PROBLEMS, temperatures, 7, 2, sampling))
    assert asked.plan.mixed_cuts == MixedCuts(**settings)
    assert [(one.problem_id, one.sample) for one in asked.requests if one.explores] == [(f"p{n}", 3) for n in range(3)]
    list(sample_uniform(asked, PROBLEMS, 2, 1.0, 0, "probe", sampling))
    assert asked.plan.mixed_cuts is None
    assert not any(one.explores for one in asked.requests[len(IDS) :])


@pytest.mark.parametrize(("seed", "round"), [(7, 2), (7, 3), (8, 2)])
def test_a_drawn_temperature_is_drawn_by_the_responses_own_number_of_its_round(asked, sampling, tmp_path, seed, round):
    list(sample_round(asked, PROBLEMS, at({"drawn": DRAWN}, tmp_path, round), seed, round, sampling))
    expected = [0.5 + response_uniform(seed, f"round {round}", *identity) for identity in IDS]
    assert [one.base for one in asked.requests] == pytest.approx(expected, abs=1e-6)
    assert len({one.base for one in asked.requests}) == len(IDS)


def test_a_temperature_outside_its_rules_span_ends_the_round_with_the_responses_name(asked, sampling, tmp_path):
    sample = asked.sample
    asked.sample = lambda *given: (
        replace(one, temperatures=[2.5] * 5) if (one.problem_id, one.sample) == ("p1", 3) else one
        for one in sample(*given)
    )
    with pytest.raises(MtpipeError, match=r"problem p1, response 3: .* gave token 0 T = 2\.5"):
        list(sample_round(asked, PROBLEMS, at({"offsets": OFFSETS}, tmp_path), 7, 2, sampling))


def test_an_evaluation_asks_as_its_settings_say(asked, params):
    changes = {"temperature": 0.6, "top_p": 0.9, "samples": 2, "max_new_tokens": 11}
    list(sample_evaluation(asked, PROBLEMS, params.evaluate.model_copy(update=changes), 5, 100))
    plan = asked.plan
    assert (plan.seed, plan.purpose, plan.max_new_tokens, plan.batch_size) == (5, "evaluation", 11, 100)
    assert (plan.truncation, plan.stop) == (Truncation(top_p=0.9), ("=", ","))
    assert [(one.problem_id, one.sample) for one in asked.requests] == [(f"p{n}", s) for n in range(3) for s in (0, 1)]
    assert {(one.base, one.rule.temperature) for one in asked.requests} == {(0.6, 0.6)}


def test_a_calibration_asks_the_first_problems_once_at_temperature_1_with_numbers_of_its_own(asked, sampling):
    entropies = calibration_entropies(asked, PROBLEMS, 2, sampling)
    plan = asked.plan
    assert (plan.seed, plan.purpose, plan.max_new_tokens) == (0, "calibration", 9)
    assert (plan.truncation, plan.stop) == (NONE, ("=", ","))
    assert [(one.problem_id, one.sample, one.rule.temperature) for one in asked.requests] == [
        ("p0", 0, 1.0),
        ("p1", 0, 1.0),
    ]
    assert entropies == [0.5] * 10


def test_responses_at_one_temperature_have_the_seed_the_purpose_and_the_truncation_that_are_asked_for(asked, sampling):
    list(sample_uniform(asked, PROBLEMS, 3, 0.8, 6, "any", sampling, Truncation(min_p=0.1)))
    plan = asked.plan
    assert (plan.seed, plan.purpose, plan.truncation, plan.batch_size) == (6, "any", Truncation(min_p=0.1), 7)
    assert [(one.base, one.rule.temperature, one.sample) for one in asked.requests] == [
        (0.8, 0.8, sample) for _ in range(3) for sample in range(3)
    ]


def test_problems_are_drawn_anew_by_seed_round_and_epoch():
    problems = [{"problem_id": str(n)} for n in range(12)]

    def drawn(seed: int, round: int) -> list[str]:
        return [problem["problem_id"] for problem in draw_problems(problems, seed, round, 4)]

    every = [tuple(drawn(seed, round)) for seed in (1, 2) for round in range(6)]
    assert len(set(every)) == 12
    assert every[:6] != every[6:]
