"""avg@k and pass@k over a benchmark's problems, with bootstrap intervals and paired differences.

The problem is the unit everywhere: its responses, and with several seeds its runs, are averaged first. So an interval
says how far a number would move with other problems of the same kind, and nothing about other training seeds.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import bootstrap

from mtpipe.errors import MtpipeError

RNG_SEED = 0
_RESAMPLED_AT_ONCE = 2_000_000
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Estimate:
    """A mean over `problems` problems, and the ends of its interval."""

    mean: float
    low: float
    high: float
    problems: int

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the interval; never for a single problem, which says nothing about others."""
        return self.problems > 1 and (self.low > _ROUNDING or self.high < -_ROUNDING)


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """The chance that at least one of `k` responses is correct, estimated without bias from `samples` of them.

    1 - C(samples - correct, k) / C(samples, k): Chen et al. 2021, arXiv:2107.03374, equation 1. With k = 1 it is the
    share of correct responses. Raises ValueError unless 0 <= correct <= samples and 1 <= k <= samples.
    """
    if not (0 <= correct <= samples and 1 <= k <= samples):
        raise ValueError(f"pass@{k} of {correct} correct among {samples} responses is not defined")
    return 1.0 - math.comb(samples - correct, k) / math.comb(samples, k)


def count_correct(rows: Iterable[Mapping[str, Any]], samples: int, source: str) -> dict[str, dict[str, int]]:
    """How many of each problem's responses are correct, by benchmark and problem_id.

    Args:
        rows: rows of records.EVALUATION; `benchmark`, `problem_id`, `sample` and `correct` are read.
        samples: responses that every problem has to have, numbered from 0.
        source: where the rows are from, for errors.

    Raises MtpipeError where a response is missing, is there twice, or is one too many.
    """
    found: dict[str, dict[str, dict[int, bool]]] = {}
    for row in rows:
        responses = found.setdefault(row["benchmark"], {}).setdefault(row["problem_id"], {})
        if row["sample"] in responses:
            raise MtpipeError(f"{source}: problem {row['problem_id']!r} has sample {row['sample']} more than once")
        responses[row["sample"]] = row["correct"]
    for problems in found.values():
        for problem_id, responses in problems.items():
            if sorted(responses) != list(range(samples)):
                raise MtpipeError(
                    f"{source}: problem {problem_id!r} has samples {sorted(responses)}; expected 0 to {samples - 1} "
                    f"(evaluate.samples is {samples}); run the evaluation again"
                )
    return {
        benchmark: {problem_id: sum(responses.values()) for problem_id, responses in problems.items()}
        for benchmark, problems in found.items()
    }


def problem_values(correct: Mapping[str, int], samples: int, k: int = 1) -> dict[str, float]:
    """Each problem's pass@k; with k = 1 its avg@`samples`."""
    return {problem_id: pass_at_k(samples, count, k) for problem_id, count in correct.items()}


def mean_over_runs(runs: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Each problem's value averaged over runs, which are given by name.

    Raises MtpipeError where the runs do not have the same problems.
    """
    names = list(runs)
    for name in names[1:]:
        _check_same_problems(runs[names[0]], runs[name], names[0], name)
    return {problem_id: sum(run[problem_id] for run in runs.values()) / len(runs) for problem_id in runs[names[0]]}


def estimate_mean(values: Mapping[str, float], resamples: int, confidence: float) -> Estimate:
    """The mean of the problems' values, with a percentile bootstrap interval over problems.

    The random numbers are fixed, so the same values give the same interval. Equal values give an interval of width 0.
    """
    array = np.array([values[problem_id] for problem_id in sorted(values)], dtype=np.float64)
    if np.ptp(array) <= _ROUNDING:
        value = float(array[0])
        return Estimate(value, value, value, len(array))
    interval = bootstrap(
        (array,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, _RESAMPLED_AT_ONCE // len(array)),
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(RNG_SEED),
    ).confidence_interval
    return Estimate(float(array.mean()), float(interval.low), float(interval.high), len(array))


def paired_difference(
    ours: Mapping[str, float],
    theirs: Mapping[str, float],
    names: tuple[str, str],
    resamples: int,
    confidence: float,
) -> Estimate:
    """The mean over problems of `ours - theirs`, with an interval of the same kind.

    Raises MtpipeError, with `names`, where the two do not have the same problems.
    """
    _check_same_problems(ours, theirs, *names)
    return estimate_mean(
        {problem_id: ours[problem_id] - theirs[problem_id] for problem_id in ours}, resamples, confidence
    )


def _check_same_problems(left: Mapping[str, float], right: Mapping[str, float], *names: str) -> None:
    if not left and not right:
        raise MtpipeError(f"{names[0]} and {names[1]} have no problems to compare")
    only = sorted(left.keys() ^ right.keys())
    if only:
        has, lacks = names if only[0] in left else names[::-1]
        raise MtpipeError(
            f"{has} has problem {only[0]!r} and {lacks} does not ({len(only)} problems are in only one of them); "
            f"they were not evaluated on the same problems, so run both evaluations again"
        )
