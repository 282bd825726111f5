"""Reads what the stages wrote about the arms, seeds and rounds of params.yaml, and nothing else."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.evaluate.statistics import count_correct
from mtpipe.files import read_json
from mtpipe.params import Params
from mtpipe.records import EVALUATION, read_table
from mtpipe.temperature.round_plan import RoundPlan

_ROUND_KEYS = ("reward", "entropy", "verdicts", "temperature_mean", "temperature_min", "temperature_max")
_EXAMPLE_CHARACTERS = 400


@dataclass(frozen=True)
class Evaluation:
    """One policy's judged responses: correct ones by benchmark and problem, verdicts by benchmark, one text each."""

    source: str
    correct: dict[str, dict[str, int]]
    verdicts: dict[str, dict[str, int]]
    examples: dict[str, dict[str, str]]


@dataclass(frozen=True)
class Study:
    """Everything the report is made of.

    `evaluations` has keys (arm, seed, after), `updates` (arm, seed, round) and `plans` (arm, round); `curve` has the
    warm start's loss (nats a token) by optimizer step; `sources` says what became of each data set's rows.
    """

    params: Params
    warm_start: Evaluation
    evaluations: dict[tuple[str, int, int], Evaluation]
    updates: dict[tuple[str, int, int], dict[str, Any]]
    plans: dict[tuple[str, int], RoundPlan]
    curve: list[dict[str, float]]
    sources: list[dict[str, Any]]

    @property
    def benchmarks(self) -> list[str]:
        """In the order of params.yaml."""
        return [name for name in self.params.task.benchmark_names if name in self.warm_start.correct]

    @property
    def last_round(self) -> int:
        return self.params.rounds[-1].n

    def over_seeds(self, arm: str, round: int) -> list[dict[str, Any]]:
        """The update metrics of one arm's round, seed by seed."""
        return [self.updates[arm, seed, round] for seed in self.params.seeds]


def collect(params: Params) -> Study:
    """Reads the study that params.yaml lists.

    Raises MtpipeError where a file is missing, unreadable or incomplete, or where the policies were not evaluated on
    the same benchmarks.
    """
    warm_start = _evaluation(paths.WARM_START_EVALUATION, params.evaluate.samples)
    evaluations = {}
    for arm in params.arms:
        for seed in params.seeds:
            for after in params.evaluate.after:
                found = _evaluation(paths.evaluation(arm, seed, after), params.evaluate.samples)
                if found.correct.keys() != warm_start.correct.keys():
                    raise MtpipeError(
                        f"{found.source} has the benchmarks {', '.join(found.correct)} and {warm_start.source} has "
                        f"{', '.join(warm_start.correct)}; run both evaluations again"
                    )
                evaluations[arm, seed, after] = found
    rounds = [round.n for round in params.rounds]
    return Study(
        params=params,
        warm_start=warm_start,
        evaluations=evaluations,
        updates={
            (arm, seed, round): _update(paths.update_metrics(arm, seed, round))
            for arm in params.arms
            for seed in params.seeds
            for round in rounds
        },
        plans={
            (arm, round): RoundPlan.model_validate(read_json(paths.round_plan(arm, round)))
            for arm in params.arms
            for round in rounds
        },
        curve=read_json(paths.WARM_START / "curve.json"),
        sources=read_json(paths.SOURCES),
    )


def _evaluation(path: Path, samples: int) -> Evaluation:
    rows = read_table(path, EVALUATION).to_pylist()
    verdicts: dict[str, dict[str, int]] = {}
    examples: dict[str, dict[str, str]] = {}
    for row in rows:
        counts = verdicts.setdefault(row["benchmark"], {})
        counts[row["verdict"]] = counts.get(row["verdict"], 0) + 1
        text = row["text"]
        if len(text) > _EXAMPLE_CHARACTERS:
            text = text[:_EXAMPLE_CHARACTERS] + " …"
        examples.setdefault(row["benchmark"], {**row, "text": text})
    return Evaluation(path.as_posix(), count_correct(rows, samples, path.as_posix()), verdicts, examples)


def _update(path: Path) -> dict[str, Any]:
    """The metrics of one update, without the keys that the report does not read."""
    found = read_json(path)
    try:
        histogram = found["entropy"]
        return {
            **{key: found["round"][key] for key in _ROUND_KEYS},
            "temperatures": found["temperatures"],
            "histogram": {key: histogram[key] for key in ("edges", "counts", "threshold", "hot_share")},
        }
    except (KeyError, TypeError) as error:
        raise MtpipeError(f"{path} lacks {error}; delete it and run `dvc repro`") from None
