"""Evaluations of a chain's policies against the same responses drawn by hand from the policy's folder."""

import pytest
from builders import run_stage
from chains import SEED

from mtpipe import paths
from mtpipe.model.policy import load_policy
from mtpipe.params import load_params
from mtpipe.records import EVALUATION, PROBLEMS, read_rows
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.torch_engine import sample
from mtpipe.temperature.rules.uniform import ResolvedUniform
from stages import evaluate, evaluate_start, sweep

pytestmark = pytest.mark.slow


def by_hand(folder, benchmark: str, temperature: float) -> dict[tuple[str, int], str]:
    """Texts by problem and response."""
    policy, settings = load_policy(folder), load_params().evaluate
    rule = ResolvedUniform(temperature=temperature)
    requests = [
        Request(problem["problem_id"], number, policy.encode(problem["prompt"]), temperature, rule)
        for problem in read_rows(paths.benchmark(benchmark), PROBLEMS)
        for number in range(settings.samples)
    ]
    plan = SamplingPlan(settings.seed, "evaluation", settings.max_new_tokens, 100)
    return {(one.problem_id, one.sample): policy.decode(one.response_ids) for one in sample(policy, requests, plan)}


def check(target, folder, temperature: float) -> None:
    rows = read_rows(target, EVALUATION)
    for benchmark in ("same", "longer", "larger"):
        found = {(row["problem_id"], row["sample"]): row["text"] for row in rows if row["benchmark"] == benchmark}
        assert found == by_hand(folder, benchmark, temperature)


@pytest.mark.parametrize("after", [1, 2])
def test_it_evaluates_the_policy_that_stands_after_so_many_rounds(here, after):
    run_stage(evaluate, "linear", SEED, after)
    check(paths.evaluation("linear", SEED, after), paths.policy("linear", SEED, after), 1.0)


def test_a_sweep_evaluates_the_same_policy_at_its_own_temperature(here):
    run_stage(sweep, "linear", SEED, 2, "0.5")
    check(paths.sweep("linear", SEED, 2, "0.5"), paths.policy("linear", SEED, 2), 0.5)


def test_the_warm_start_is_evaluated_as_the_arms_are(here):
    run_stage(evaluate_start)
    check(paths.WARM_START_EVALUATION, paths.WARM_START / "policy", 1.0)
