"""Dynamic sampling: further problems in the place of groups whose rewards do not differ (DAPO, arXiv 2503.14476)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from math import ceil
from typing import Any

from mtpipe.differing import differ
from mtpipe.records import Rollout
from mtpipe.sampling.engine import Engine
from mtpipe.sampling.rounds import sample_round
from mtpipe.settings.plugins import load_function
from mtpipe.settings.reward import RefillJudge
from mtpipe.settings.sampling import Sampling
from mtpipe.temperature.round_plan import RoundTemperatures

Problems = list[dict[str, Any]]
Judge = Callable[[Problems, list[Rollout]], list[dict[str, Any]]]
"""Gives rows of records.VERDICTS to the groups of some problems, in the order of the rollouts."""


def judge_of(settings: RefillJudge, max_new_tokens: int) -> Judge:
    """The function that the settings name, with the reward that they have."""
    parameters = ("problems", "responses", "reward", "max_new_tokens")
    verdicts = load_function(settings.function, parameters, "judge of a refill")

    def judge(problems: Problems, rollouts: list[Rollout]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = verdicts(problems, list(map(vars, rollouts)), settings.reward, max_new_tokens)
        return rows

    return judge


def sample_refilled(
    engine: Engine,
    problems: Problems,
    temperatures: RoundTemperatures,
    seed: int,
    round: int,
    settings: Sampling,
    judge: Judge | None,
) -> Iterator[Rollout]:
    """A round's responses with their texts, to the first `settings.prompts` of the problems and as many as it takes.

    Raises MtpipeError as `sample_round` does, and if a response cannot be judged.
    """

    def sample(asked: Problems) -> Iterator[Rollout]:
        for rollout in sample_round(engine, asked, temperatures, seed, round, settings):
            yield replace(rollout, text=engine.vocabulary.decode(rollout.response_ids))

    return sample_until_differing(problems, settings.prompts, sample, judge)


def sample_until_differing(
    problems: Problems, count: int, sample: Callable[[Problems], Iterable[Rollout]], judge: Judge | None
) -> Iterator[Rollout]:
    """Samples groups to problems in their order, until `count` of the groups differ or no problem is left.

    The first pass asks for `count` problems, and each further one for as many as are missing, if groups go on to differ
    as often as they have in this round. So what is drawn follows from the verdicts alone, whatever samples in whatever
    batches. After the last pass that there can be nothing is judged.

    Args:
        problems: all that may be drawn, at least `count`.
        sample: gives the groups of some problems, responses in any order.
        judge: None samples one pass.
    """
    drawn, differing, asked = 0, 0, count
    while asked:
        chunk, rollouts = problems[drawn : drawn + asked], []
        for rollout in sample(chunk):
            rollouts.append(rollout)
            yield rollout
        drawn += len(chunk)
        left, asked = len(problems) - drawn, 0
        if left and judge:
            rollouts.sort(key=lambda rollout: (rollout.problem_id, rollout.sample))
            differing += count_differing(judge(chunk, rollouts))
            expected = ceil((count - differing) * drawn / differing) if differing else count
            asked = max(0, expected)  # a slice ends where the problems do


def count_differing(verdicts: list[dict[str, Any]]) -> int:
    """How many groups have differing rewards; the rows of a group stand together."""
    groups = [list(rows) for _, rows in groupby(verdicts, key=lambda row: row["problem_id"])]
    return sum(differ([row["reward"] for row in rows], [row["masked"] for row in rows]) for rows in groups)
