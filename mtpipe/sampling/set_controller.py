"""The temperature of a controlled round, set before the round is sampled."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mtpipe.sampling.drawing.randomness import response_uniform
from mtpipe.sampling.engine import Engine
from mtpipe.sampling.rounds import sample_uniform
from mtpipe.settings.sampling import Sampling
from mtpipe.temperature.controllers.controller import BeforeRound, Probed, State
from mtpipe.temperature.controllers.state import read_state, state_before
from mtpipe.temperature.round_plan import RoundPlan

NGRAM = 4


def set_controller(
    engine: Engine, problems: list[dict[str, Any]], plan: RoundPlan, policy: Path, seed: int, settings: Sampling
) -> State:
    """The state of the round's controller, its temperature set; nothing if the arm has none."""
    if plan.controller is None:
        return {}
    uniform = response_uniform(seed, f"round {plan.round}", "controller", 0)
    probing = partial(probe, engine, problems, plan, seed, settings)
    return state_before(plan.controller, read_state(policy), BeforeRound(plan.round, uniform, probing))


def probe(
    engine: Engine,
    problems: list[dict[str, Any]],
    plan: RoundPlan,
    seed: int,
    settings: Sampling,
    temperatures: list[float],
    asked: int,
    responses: int,
) -> list[Probed]:
    """Samples responses to the first `asked` of the problems at each temperature, cut as the round's are.

    A temperature holds for all tokens of its responses, whatever the arm's token rule.
    Every temperature meets the same random numbers, which are none of the round's own.
    """
    found = []
    for temperature in temperatures:
        sampled = sample_uniform(
            engine, problems[:asked], responses, temperature, seed, f"probe {plan.round}", settings, plan.truncation
        )
        drawn = list(sampled)
        by_problem: dict[str, list[list[int]]] = {}
        for one in drawn:
            by_problem.setdefault(one.problem_id, []).append(one.response_ids)
        logprobs = sorted(
            value for one in drawn for value in one.behaviour_logprobs
        )  # sums in an order that no engine decides
        diversities = sorted(diversity(group) for group in by_problem.values())
        found.append(Probed(-float(np.sum(logprobs)) / len(logprobs), float(np.mean(diversities))))
    return found


def diversity(responses: list[list[int]]) -> float:
    """The share of distinct 4-grams among all 4-grams of the responses to one problem; a shorter response is one."""
    grams = [
        tuple(tokens[start : start + NGRAM]) for tokens in responses for start in range(max(1, len(tokens) - NGRAM + 1))
    ]
    return len(set(grams)) / len(grams)
