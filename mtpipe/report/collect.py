"""Reads what the stages wrote about the arms, seeds and rounds of params.yaml, and nothing else."""

from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.evaluate.judged import Judged, read_judged
from mtpipe.files import bring_back, read_json
from mtpipe.params import Params
from mtpipe.temperature.round_plan import RoundPlan

_ROUND_KEYS = (
    *("reward", "entropy", "verdicts", "temperature_mean", "temperature_min", "temperature_max"),
    *("responses", "tokens", "response_tokens", "overlong"),
    *("groups_right", "groups_mixed", "groups_wrong", "distinct_responses", "distinct_answers"),
)
_STEP_KEYS = ("clip_fraction", "kl_behaviour", "grad_norm")
"""Means over a round's optimizer steps; NaN in a round that took none."""
_REFILL_KEYS = (
    *("groups_drawn", "groups_kept", "groups_surplus"),
    *("groups_uniform_right", "groups_uniform_wrong", "groups_uniform_mixed", "tokens_discarded", "refill_ended"),
)

Evaluation = dict[str, Judged]
"""One policy's judged responses by benchmark."""


@dataclass(frozen=True)
class Study:
    """Everything the report is made of.

    `evaluations` has keys (arm, seed, after), `sweep` (arm, seed, temperature), `updates` (arm, seed, round) and
    `plans` (arm, round); `curve` has the warm start's loss (nats a token) by optimizer step; `sources` says what
    became of each data set's rows.
    """

    params: Params
    warm_start: Evaluation
    evaluations: dict[tuple[str, int, int], Evaluation]
    sweep: dict[tuple[str, int, float], Evaluation]
    updates: dict[tuple[str, int, int], dict[str, Any]]
    plans: dict[tuple[str, int], RoundPlan]
    curve: list[dict[str, float]]
    sources: list[dict[str, Any]]

    @property
    def benchmarks(self) -> list[str]:
        """In the order of params.yaml."""
        return [name for name in self.params.task.benchmark_names if name in self.warm_start]

    @property
    def last_round(self) -> int:
        return self.params.rounds[-1].n

    @property
    def after(self) -> int:
        """The number of the last policy."""
        return self.params.evaluate.after[-1]

    def over_seeds(self, arm: str, round: int) -> list[dict[str, Any]]:
        """The update metrics of one arm's round, seed by seed."""
        return [self.updates[arm, seed, round] for seed in self.params.seeds]

    def by_round(self, arm: str, key: str) -> NDArray[np.float64]:
        """One metric of an arm's updates, [rounds, seeds]."""
        rounds = [round.n for round in self.params.rounds]
        return np.array([[update[key] for update in self.over_seeds(arm, round)] for round in rounds], dtype=float)

    def judged(self, benchmark: str, arm: str, after: int | None = None) -> list[Judged]:
        """One arm's responses to a benchmark, seed by seed; without `after` its last policy's."""
        after = self.after if after is None else after
        return [self.evaluations[arm, seed, after][benchmark] for seed in self.params.seeds]


def collect(params: Params) -> Study:
    """Reads the study that params.yaml lists.

    Raises MtpipeError if a file is missing, unreadable or incomplete, or if the policies were not evaluated on
    the same problems.
    """
    warm_start = _evaluation(paths.WARM_START_EVALUATION, params)
    runs = [(arm, seed) for arm in params.arms for seed in params.seeds]
    last = params.evaluate.after[-1]
    evaluations = {
        (arm, seed, after): _evaluation(paths.evaluation(arm, seed, after), params)
        for arm, seed in runs
        for after in params.evaluate.after
    }
    sweep = {
        (arm, seed, temperature): _evaluation(paths.sweep(arm, seed, last, temperature), params)
        for arm, seed in runs
        for temperature in params.evaluate.sweep
    }
    for found in (*evaluations.values(), *sweep.values()):
        _check_same_problems(warm_start, found)
    rounds = [round.n for round in params.rounds]
    return Study(
        params=params,
        warm_start=warm_start,
        evaluations=evaluations,
        sweep=sweep,
        updates={
            (arm, seed, round): _update(paths.round_metrics(arm, seed, round)) for arm, seed in runs for round in rounds
        },
        plans={(arm, round): RoundPlan.read(paths.round_plan(arm, round)) for arm in params.arms for round in rounds},
        curve=read_json(paths.WARM_START / "curve.json"),
        sources=read_json(paths.SOURCES),
    )


def _evaluation(path: Path, params: Params) -> Evaluation:
    return read_judged(path, lambda benchmark: params.evaluate.of(benchmark).samples)


def _check_same_problems(warm_start: Evaluation, found: Evaluation) -> None:
    source, other = next(iter(found.values())).source, next(iter(warm_start.values())).source
    if found.keys() != warm_start.keys():
        raise MtpipeError(
            f"{source} has the benchmarks {', '.join(found)} and {other} has {', '.join(warm_start)}; "
            f"run both evaluations again"
        )
    for benchmark, judged in found.items():
        only = sorted(set(judged.problems) ^ set(warm_start[benchmark].problems))
        if only:
            has, lacks = (source, other) if only[0] in judged.problems else (other, source)
            raise MtpipeError(
                f"{has} has problem {only[0]!r} and {lacks} does not ({len(only)} problems are in only one of them); "
                f"they were not evaluated on the same problems, so run both evaluations again"
            )


def _update(path: Path) -> dict[str, Any]:
    """The metrics of one update, without the keys that the report does not read."""
    found = read_json(path)
    try:
        histogram = found["entropy"]
        return {
            **{key: found["round"][key] for key in _ROUND_KEYS},
            **{key: found["round"].get(key, nan) for key in _STEP_KEYS},
            "trained_tokens": sum(step.get("trained_tokens", 0) for step in found["steps"]),
            "refill": {key: found["round"][key] for key in _REFILL_KEYS if key in found["round"]},
            "reward_parts": found["reward_parts"],
            "temperatures": found["temperatures"],
            "profile": found["profile"],
            "mismatch": found["mismatch"],
            "strip": found["strip"],
            "histogram": {key: histogram[key] for key in ("edges", "counts", "threshold", "hot_share")},
        }
    except (KeyError, TypeError) as error:
        raise MtpipeError(f"{path} lacks {error}; {bring_back(path)}") from None
