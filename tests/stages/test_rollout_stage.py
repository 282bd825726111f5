"""A round's rollouts against responses drawn once more by hand, from what the round has to depend on."""

import math

import numpy as np
import pytest
from chains import ARMS, GROUP, LIMIT, OFFSETS, PROMPTS, ROUNDS, SEED, drawn_problems, entropies, rolled

from mtpipe import paths
from mtpipe.files import read_json
from mtpipe.model.policy import load_policy
from mtpipe.params import load_params
from mtpipe.records import read_sampled_round
from mtpipe.run.stage_plan import settings_for
from mtpipe.sampling.drawing.randomness import response_uniform
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.set_controller import probe
from mtpipe.sampling.torch_engine import TorchEngine, sample
from mtpipe.temperature.controllers.probing import crossing
from mtpipe.temperature.round_plan import RoundPlan
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.rules.rule import ResolvedRule
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import NONE, Truncation
from stages import rollout

pytestmark = pytest.mark.slow

RUNS = [(arm, round) for arm in ARMS for round in ROUNDS]


def temperature_of_round(arm: str, round: int) -> float:
    """The schedule's or the controller's, worked out from the round before."""
    if arm == "linear":
        return (0.9, 1.3)[round]
    if arm == "held" and round == 1:
        entropy = -np.mean(np.concatenate([one.behaviour_logprobs for one in rolled("held", 0)]))
        return 1 + math.log(1.0 / entropy) / (math.log(18) + math.log(math.log(18)))
    if arm == "probed":
        engine = TorchEngine(load_policy(paths.policy(arm, SEED, round)))
        plan, grid = RoundPlan(arm=arm, round=round, group=[]), [0.7, 1.0, 1.4]
        found = probe(engine, drawn_problems(round), plan, SEED, load_params().sampling, grid, 3, 2)
        return crossing(grid, [one.entropy for one in found], 1.8)
    return 1.0


def expected(arm: str, round: int, problem: str, sample: int, of_round: float) -> tuple[float, ResolvedRule]:
    """A response's base temperature and its tokens' rule."""
    base = of_round
    if arm == "linear":
        base += OFFSETS[sample]
    if arm == "drawn":
        base = 0.7 + 0.7 * response_uniform(SEED, f"round {round}", problem, sample)
    if arm == "token":
        before = np.linspace(0.0, 3.0, 301) if round == 0 else entropies(arm, round - 1)
        return 0.9, ResolvedEntropyThreshold(low=0.9, high=1.3, threshold=float(np.quantile(before, 0.6)))
    base = float(np.round(base, 6))
    return base, ResolvedUniform(temperature=base)


@pytest.mark.parametrize(("arm", "round"), RUNS)
def test_a_round_is_drawn_from_its_policy_its_problems_its_temperatures_and_its_random_numbers(here, arm, round):
    policy, of_round = load_policy(paths.policy(arm, SEED, round)), temperature_of_round(arm, round)
    requests = [
        Request(
            problem["problem_id"],
            index,
            policy.encode(problem["prompt"]),
            *expected(arm, round, problem["problem_id"], index, of_round),
        )
        for problem in drawn_problems(round)
        for index in range(GROUP)
    ]
    cut = Truncation(top_p=0.95) if arm == "drawn" else NONE
    plan = SamplingPlan(SEED, f"round {round}", LIMIT, 1000, cut, record_masks=True)
    by_hand = {(one.problem_id, one.sample): one for one in sample(policy, requests, plan)}
    found = rolled(arm, round)
    assert [(one.problem_id, one.sample) for one in found] == [(one.problem_id, one.sample) for one in requests]
    for one in found:
        other = by_hand[one.problem_id, one.sample]
        assert one.response_ids == other.response_ids
        assert one.prompt_ids == other.prompt_ids
        assert one.text == policy.decode(other.response_ids)
        assert one.finish_reason == other.finish_reason
        assert one.base_temperature == pytest.approx(other.base_temperature, abs=1e-5)
        assert one.temperatures == pytest.approx(other.temperatures, abs=1e-5)
        assert one.behaviour_logprobs == pytest.approx(other.behaviour_logprobs, abs=1e-4)
        assert one.entropies == pytest.approx(other.entropies, abs=1e-4)
        assert (one.mask_sizes, one.mask_ids) == (other.mask_sizes, other.mask_ids)


def test_rounds_share_neither_problems_nor_numbers_and_arms_share_both(here):
    first, second = (rolled("uniform", round) for round in ROUNDS)
    assert not {one.problem_id for one in first} & {one.problem_id for one in second}
    assert len({one.problem_id for one in first}) == PROMPTS
    for arm in ARMS:
        for round in ROUNDS:
            assert [one.problem_id for one in rolled(arm, round)] == [
                one.problem_id for one in rolled("uniform", round)
            ]
    held = rolled("held", 0)
    assert [one.response_ids for one in held] == [one.response_ids for one in first], "both start at temperature 1"


def test_what_was_settled_stands_with_the_rollouts(here):
    for arm, round in RUNS:
        settled = read_sampled_round(paths.rollouts(arm, SEED, round))
        assert bool(settled.controller) == (arm in ("held", "probed"))
        if settled.controller:
            assert rolled(arm, round)[0].base_temperature == pytest.approx(settled.controller["temperature"])
            left = read_json(paths.policy(arm, SEED, round + 1) / "controller.json")
            if arm == "held":
                assert settled.controller["target"] == 1.0
                assert left["temperature"] == pytest.approx(temperature_of_round(arm, round + 1), abs=1e-4) or round
            else:
                assert left == settled.controller
        if arm == "token" and round == 1:
            assert settled.threshold == pytest.approx(np.quantile(entropies(arm, 0), 0.6), abs=1e-5)
        assert (settled.threshold is None) == (arm != "token")


def test_rollouts_stand_in_the_order_of_their_problems_in_whatever_order_an_engine_ends_them(here, monkeypatch):
    before, sample = rolled("uniform", 0), rollout.sample_refilled
    monkeypatch.setattr(rollout, "sample_refilled", lambda *arguments: reversed(list(sample(*arguments))))
    rollout.main("uniform", SEED, 0, **settings_for(rollout.main))
    assert rolled("uniform", 0) == before
