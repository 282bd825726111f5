"""The study's numbers: every policy's avg@k and pass@k on every benchmark, and the paired differences."""

from dataclasses import asdict, dataclass
from typing import Any

from mtpipe.evaluate.statistics import (
    Estimate,
    estimate_mean,
    mean_over_runs,
    paired_difference,
    problem_values,
)
from mtpipe.params import Params
from mtpipe.report.collect import Study

WARM_START = "warm start"
_ALL_K_UP_TO = 8


@dataclass(frozen=True)
class Score:
    """One policy on one benchmark; all values are shares of 1. The baseline has no `minus_baseline`."""

    avg: Estimate
    passes: dict[int, Estimate]
    by_seed: dict[int, float]
    minus_baseline: Estimate | None
    minus_warm_start: Estimate | None


@dataclass(frozen=True)
class Comparison:
    """Scores by benchmark, for the warm start and for each arm's last policy, its seeds averaged.

    `history` has avg@k by arm, benchmark and number of rounds, where 0 is the warm start.
    """

    samples: int
    warm_start: dict[str, Score]
    arms: dict[str, dict[str, Score]]
    history: dict[str, dict[str, dict[int, Estimate]]]


def shown_k(samples: int) -> list[int]:
    """The k of pass@k that are worked out: all of them up to 8 samples, else the powers of 2 and the last."""
    if samples <= _ALL_K_UP_TO:
        return list(range(1, samples + 1))
    return [*(2**power for power in range(samples.bit_length()) if 2**power < samples), samples]


def compare(study: Study) -> Comparison:
    """Works out the comparison. Raises MtpipeError where policies were not evaluated on the same problems."""
    params = study.params
    last = params.evaluate.after[-1]
    warm_start = {benchmark: _score(study, benchmark, None) for benchmark in study.benchmarks}
    return Comparison(
        samples=params.evaluate.samples,
        warm_start=warm_start,
        arms={
            arm: {benchmark: _score(study, benchmark, arm, last) for benchmark in study.benchmarks}
            for arm in params.arms
        },
        history={
            arm: {
                benchmark: {
                    0: warm_start[benchmark].avg,
                    **{after: _estimate(study, benchmark, arm, after) for after in params.evaluate.after},
                }
                for benchmark in study.benchmarks
            }
            for arm in params.arms
        },
    )


def _values(study: Study, benchmark: str, arm: str | None, after: int, k: int = 1) -> dict[str, float]:
    """Each problem's pass@k, averaged over the arm's seeds; without an arm the warm start's."""
    found = [study.warm_start] if arm is None else [study.evaluations[arm, seed, after] for seed in study.params.seeds]
    samples = study.params.evaluate.samples
    return mean_over_runs(
        {evaluation.source: problem_values(evaluation.correct[benchmark], samples, k) for evaluation in found}
    )


def _estimate(study: Study, benchmark: str, arm: str | None, after: int, k: int = 1) -> Estimate:
    return estimate_mean(_values(study, benchmark, arm, after, k), *_resampling(study.params))


def _score(study: Study, benchmark: str, arm: str | None, after: int = 0) -> Score:
    passes = {k: _estimate(study, benchmark, arm, after, k) for k in shown_k(study.params.evaluate.samples)}
    if arm is None:
        return Score(passes[1], passes, {}, None, None)
    values = _values(study, benchmark, arm, after)

    def minus(other: str | None) -> Estimate:
        names = (f"arm {arm!r}", f"arm {other!r}" if other else "the warm start")
        return paired_difference(values, _values(study, benchmark, other, after), names, *_resampling(study.params))

    samples = study.params.evaluate.samples
    by_seed = {
        seed: sum(counts.values()) / (samples * len(counts))
        for seed in study.params.seeds
        for counts in [study.evaluations[arm, seed, after].correct[benchmark]]
    }
    baseline = study.params.report.baseline
    return Score(passes[1], passes, by_seed, None if arm == baseline else minus(baseline), minus(None))


def _resampling(params: Params) -> tuple[int, float]:
    return params.report.resamples, params.report.confidence


def as_json(comparison: Comparison, params: Params) -> dict[str, Any]:
    """report/tables.json: the numbers of the tables, unrounded, as shares of 1."""
    return {
        "unit": "share of responses or problems, 0 to 1",
        "samples": comparison.samples,
        "rounds": params.evaluate.after[-1],
        "seeds": params.seeds,
        "baseline": params.report.baseline,
        "interval": {
            "confidence": params.report.confidence,
            "resamples": params.report.resamples,
            "method": "percentile bootstrap over problems",
        },
        "warm_start": {benchmark: asdict(score) for benchmark, score in comparison.warm_start.items()},
        "arms": {
            arm: {benchmark: asdict(score) for benchmark, score in scores.items()}
            for arm, scores in comparison.arms.items()
        },
        "history": {
            arm: {
                benchmark: {after: asdict(estimate) for after, estimate in by_after.items()}
                for benchmark, by_after in by_benchmark.items()
            }
            for arm, by_benchmark in comparison.history.items()
        },
    }


def summary_metrics(comparison: Comparison, study: Study) -> dict[str, dict[str, float]]:
    """report/metrics.json, for `dvc metrics`: avg@k by benchmark, and the last round's reward and entropy (nats)."""
    metrics = {"warm_start": {benchmark: score.avg.mean for benchmark, score in comparison.warm_start.items()}}
    for arm, scores in comparison.arms.items():
        updates = study.over_seeds(arm, study.last_round)
        metrics[arm] = {
            **{benchmark: score.avg.mean for benchmark, score in scores.items()},
            **{key: sum(update[key] for update in updates) / len(updates) for key in ("reward", "entropy")},
        }
    return {policy: {key: round(value, 4) for key, value in values.items()} for policy, values in metrics.items()}
