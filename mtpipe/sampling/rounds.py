"""Which problems a round draws, and the three places where a policy is sampled: rounds, calibration, evaluation."""

import random
from collections.abc import Iterator
from typing import Any

from mtpipe.params import Evaluate, Sampling
from mtpipe.sampling.engine import Engine
from mtpipe.sampling.records import Request, Response, SamplingPlan
from mtpipe.temperature.token_rule import ResolvedRule, ResolvedUniform


def draw_problems(problems: list[dict[str, Any]], seed: int, round: int, count: int) -> list[dict[str, Any]]:
    """The problems of one round: the next `count` of a shuffled epoch, a new shuffle after each epoch.

    A pure function of its arguments, so a resumed or edited run draws the same.
    """
    drawn: list[dict[str, Any]] = []
    for position in range(round * count, (round + 1) * count):
        epoch, index = divmod(position, len(problems))
        if not drawn or index == 0:
            order = list(range(len(problems)))
            random.Random(f"problems/{seed}/{epoch}").shuffle(order)
        drawn.append(problems[order[index]])
    return drawn


def sample_round(
    engine: Engine,
    problems: list[dict[str, Any]],
    rule: ResolvedRule,
    threshold: float | None,
    seed: int,
    round: int,
    settings: Sampling,
) -> Iterator[Response]:
    """Samples a group of responses to each of a round's problems."""
    plan = SamplingPlan(rule, threshold, seed, f"round {round}", settings.max_new_tokens, settings.batch_size)
    return engine.sample(_requests(engine, problems, settings.group_size), plan)


def sample_evaluation(
    engine: Engine,
    problems: list[dict[str, Any]],
    settings: Evaluate,
    batch_size: int,
) -> Iterator[Response]:
    """Samples the responses of an evaluation: `settings.samples` to each problem, at one temperature."""
    rule = ResolvedUniform(temperature=[settings.temperature] * settings.samples)
    plan = SamplingPlan(
        rule, None, settings.seed, "evaluation", settings.max_new_tokens, batch_size, top_p=settings.top_p
    )
    return engine.sample(_requests(engine, problems, settings.samples), plan)


def calibration_entropies(
    engine: Engine, problems: list[dict[str, Any]], responses: int, settings: Sampling
) -> list[float]:
    """The untempered entropies (nats) of tokens sampled at temperature 1, one response a problem."""
    plan = SamplingPlan(
        ResolvedUniform(temperature=[1.0]), None, 0, "calibration", settings.max_new_tokens, settings.batch_size
    )
    drawn = engine.sample(_requests(engine, problems[:responses], 1), plan)
    return [entropy for response in drawn for entropy in response.entropies]


def _requests(engine: Engine, problems: list[dict[str, Any]], samples: int) -> list[Request]:
    return [
        Request(problem["problem_id"], index, ids)
        for problem in problems
        for ids in [engine.vocabulary.encode(problem["prompt"])]
        for index in range(samples)
    ]
