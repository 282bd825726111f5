"""Means over seeds and problems, with intervals and p-values that hold for few seeds.

The data of one arm on one benchmark, or of the difference between two arms, is a table of seeds by problems: every
seed's policy answers the same problems. Both are samples, of training runs and of problems, so

    x[s, p] = mu + a[s] + b[p] + e[s, p],        Var(mean) = Var(a) / S + Var(b) / P + Var(e) / (S P).

With the mean squares MS of the two-way table (E MS_e = Var(e), E MS_seeds = Var(e) + P Var(a), E MS_problems = Var(e)
+ S Var(b)) the variance has two parts:

    seeds:     max(MS_seeds, MS_e) / (S P)              known to S - 1 degrees of freedom
    problems:  max(MS_problems - MS_e, 0) / (S P)       known to P - 1

and half the interval's width is sqrt(t[S - 1]^2 seeds + t[P - 1]^2 problems), Howe's interval for a sum of two means
whose variances are known to different degrees (Howe 1974, JASA 69(347), 789-794). Where training runs differ it is
Student's t over the seeds' means; where only problems do, it is Student's t over problems. MS_seeds is bounded by MS_e
because seeds of few problems can have equal means by chance, and a spread of 0 would then pass for certainty.

`python -m benchmarks marks` compares this with other intervals by simulation; docs/statistics.md has the table.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize.elementwise import find_root

SMALLEST_P = 1e-12
_ROUNDING = 1e-9

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean over `problems` problems and `seeds` seeds, and its interval.

    `seed_error` is the standard error's part that is known to seeds - 1 degrees of freedom, 0 with one seed;
    `problem_error` is the part that is known to problems - 1. One seed's interval is one over problems: it says how far
    this policy's mean would move on other problems, and nothing about other training runs.
    """

    mean: float
    low: float
    high: float
    seed_error: float
    problem_error: float
    seeds: int
    problems: int

    @property
    def error(self) -> float:
        return float(np.hypot(self.seed_error, self.problem_error))


def estimate_means(values: Values, confidence: float) -> list[Estimate]:
    """The mean of each of several tables, with its interval; a table of equal values has one of width 0.

    Args:
        values: [tables, seeds, problems].
    """
    _, seeds, problems = values.shape
    means = values.mean((1, 2))
    seed_errors, problem_errors = _errors(values)
    half = half_widths(seed_errors, problem_errors, seeds, problems, np.array(1 - confidence))
    rows = np.stack([means, means - half, means + half, seed_errors, problem_errors], axis=1).tolist()
    return [
        Estimate(mean, low, high, of_seeds, of_problems, seeds, problems)
        for mean, low, high, of_seeds, of_problems in rows
    ]


def _errors(values: Values) -> tuple[Values, Values]:
    """The two parts of each table's standard error: each [tables]."""
    tables, seeds, problems = values.shape
    by_seed, by_problem = values.mean(2, keepdims=True), values.mean(1, keepdims=True)
    centre = by_seed.mean(1, keepdims=True)
    mean_square = {
        "seeds": problems * np.square(by_seed - centre).sum((1, 2)) / max(seeds - 1, 1),
        "problems": seeds * np.square(by_problem - centre).sum((1, 2)) / max(problems - 1, 1),
        "rest": np.square(values - by_seed - by_problem + centre).sum((1, 2)) / max((seeds - 1) * (problems - 1), 1),
    }
    of_seeds = np.maximum(mean_square["seeds"], mean_square["rest"])
    of_problems = np.maximum(mean_square["problems"] - mean_square["rest"], 0.0)
    constant = np.ptp(values.reshape(tables, -1), axis=1) <= _ROUNDING
    parts = [np.where(constant, 0.0, np.sqrt(part / (seeds * problems))) for part in (of_seeds, of_problems)]
    return parts[0], parts[1]


def half_widths(seed_errors: Values, problem_errors: Values, seeds: int, problems: int, alpha: Values) -> Values:
    """Half the width of the interval that misses the mean with a chance of `alpha`; all broadcast."""
    of_seeds = stats.t.isf(alpha / 2, max(seeds - 1, 1)) * seed_errors
    of_problems = stats.t.isf(alpha / 2, max(problems - 1, 1)) * problem_errors
    return np.hypot(of_seeds, of_problems)


def p_values(estimates: list[Estimate]) -> Values:
    """Two-sided p-values of mean 0: the alpha at which the interval ends at 0, no smaller than 1e-12.

    All estimates have the same numbers of seeds and problems. A single problem says nothing about others: its p is 1.
    """
    seeds, problems = estimates[0].seeds, estimates[0].problems
    columns = [(abs(one.mean), one.seed_error, one.problem_error) for one in estimates]
    distance, seed_errors, problem_errors = np.array(columns).T

    def gap(log_alpha: Values, distance: Values, seed_errors: Values, problem_errors: Values) -> Values:
        return half_widths(seed_errors, problem_errors, seeds, problems, np.exp(log_alpha)) - distance

    ends = np.log(SMALLEST_P), 0.0
    found = find_root(gap, ends, args=(distance, seed_errors, problem_errors))
    far = gap(np.array(ends[0]), distance, seed_errors, problem_errors) < 0
    near = (distance <= _ROUNDING) | (problems == 1)
    return np.where(near, 1.0, np.where(far, SMALLEST_P, np.exp(found.x)))
