"""Which problems a round draws, and the three places where a policy is sampled: rounds, calibration, evaluation."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from mtpipe.errors import MtpipeError
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.randomness import response_uniform
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.engine import Engine
from mtpipe.settings.evaluate import EvaluationSampling
from mtpipe.settings.sampling import ResponseSampling, Sampling
from mtpipe.temperature.round_plan import ResponsePlan, RoundTemperatures
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import NONE, Truncation


def draw_problems(problems: list[dict[str, Any]], seed: int, round: int, count: int) -> list[dict[str, Any]]:
    """The problems of one round: the next `count` of a shuffled epoch, a new shuffle after each epoch.

    A pure function of its arguments, so a resumed or edited run draws the same. An epoch ends where fewer than
    `count` are left of it: a round that went on into the next shuffle could draw a problem twice, with the same
    random numbers.

    Raises MtpipeError if there are fewer than `count` problems.
    """
    if count > len(problems):
        raise MtpipeError(
            f"params.yaml: a round may draw {count} problems (sampling.prompts, times sampling.refill.at_most "
            f"where there is one), but there are {len(problems)} training problems; lower one of them"
        )
    epoch, part = divmod(round, len(problems) // count)
    order = list(range(len(problems)))
    random.Random(f"problems/{seed}/{epoch}").shuffle(order)
    return [problems[index] for index in order[part * count : (part + 1) * count]]


def sample_round(
    engine: Engine,
    problems: list[dict[str, Any]],
    temperatures: RoundTemperatures,
    seed: int,
    round: int,
    settings: Sampling,
) -> Iterator[Rollout]:
    """Samples a group of responses to each of a round's problems.

    Raises MtpipeError if a rule gives a token a temperature outside the rule's span.
    """
    purpose = f"round {round}"
    plan = SamplingPlan(
        seed,
        purpose,
        settings.max_new_tokens,
        settings.batch_size,
        truncation=temperatures.truncation,
        record_masks=True,
        mixed_cuts=temperatures.mixed_cuts,
        stop=stop_strings(problems),
    )

    def planned(problem_id: str, sample: int) -> ResponsePlan:
        return temperatures.response(sample, response_uniform(seed, purpose, problem_id, sample))

    explorers = temperatures.mixed_cuts.explorers(settings.group_size) if temperatures.mixed_cuts else 0
    requests = _requests(engine, problems, settings.group_size, planned, explorers)
    rules = {(request.problem_id, request.sample): request.rule for request in requests}
    for rollout in engine.sample(requests, plan):
        try:
            rules[rollout.problem_id, rollout.sample].check(rollout.temperatures)
        except ValueError as error:
            raise MtpipeError(f"problem {rollout.problem_id}, response {rollout.sample}: {error}") from None
        yield rollout


def sample_uniform(
    engine: Engine,
    problems: list[dict[str, Any]],
    responses: int,
    temperature: float,
    seed: int,
    purpose: str,
    settings: ResponseSampling,
    truncation: Truncation = NONE,
) -> Iterator[Rollout]:
    """Samples so many responses to each problem, every token at one temperature."""
    plan = SamplingPlan(
        seed,
        purpose,
        settings.max_new_tokens,
        settings.batch_size,
        truncation=truncation,
        stop=stop_strings(problems),
    )
    return engine.sample(_requests(engine, problems, responses, _uniform(temperature)), plan)


def sample_evaluation(
    engine: Engine,
    problems: list[dict[str, Any]],
    settings: EvaluationSampling,
    seed: int,
    batch_size: int,
) -> Iterator[Rollout]:
    """Samples the responses of an evaluation: `settings.samples` to each problem, at one temperature."""
    plan = SamplingPlan(
        seed,
        "evaluation",
        settings.max_new_tokens,
        batch_size,
        truncation=Truncation(top_p=settings.top_p),
        stop=stop_strings(problems),
    )
    return engine.sample(_requests(engine, problems, settings.samples, _uniform(settings.temperature)), plan)


def calibration_entropies(
    engine: Engine, problems: list[dict[str, Any]], responses: int, settings: ResponseSampling
) -> list[float]:
    """The untempered entropies (nats) of tokens sampled at temperature 1, one response a problem."""
    drawn = sample_uniform(engine, problems[:responses], 1, 1.0, 0, "calibration", settings)
    return [entropy for response in drawn for entropy in response.entropies]


def stop_strings(problems: list[dict[str, Any]]) -> tuple[str, ...]:
    """The texts that end a response, which come with the prompts: a task's problems all have the same."""
    return tuple(json.loads(problems[0]["meta"]).get("stop", ()))


def _uniform(temperature: float) -> Callable[[str, int], ResponsePlan]:
    planned = ResponsePlan(base=temperature, rule=ResolvedUniform(temperature=temperature))
    return lambda problem_id, sample: planned


def _requests(
    engine: Engine,
    problems: list[dict[str, Any]],
    samples: int,
    planned: Callable[[str, int], ResponsePlan],
    explorers: int = 0,
) -> list[Request]:
    """For each problem `samples` requests, of which the last `explorers` explore."""
    requests = []
    for problem in problems:
        ids = engine.vocabulary.encode(problem["prompt"])
        for index in range(samples):
            response = planned(problem["problem_id"], index)
            explores = index >= samples - explorers
            requests.append(Request(problem["problem_id"], index, ids, response.base, response.rule, explores))
    return requests
