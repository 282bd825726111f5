"""What a comparison could have found, and how many seeds it would take to find what it shows.

A difference counts as found where the interval of `mtpipe.statistics.intervals` at level alpha excludes 0. Its chance,
given the true difference d and the two parts of the standard error, is the mean of

    Phi((d - h(x)) / error),     h(x)^2 = t[S - 1]^2 x seed_error^2 + t[P - 1]^2 problem_error^2

over x ~ chi^2[S - 1] / (S - 1), the factor by which a study of S seeds misjudges the seeds' part. The errors are
themselves estimates from few seeds, so all numbers here are rough.
"""

import math

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from mtpipe.statistics.intervals import Estimate, half_widths

POWER = 0.8
MOST_SEEDS = 1000
_FACTORS = (np.arange(200) + 0.5) / 200


def chance_of_finding(
    difference: float, seed_error: float, problem_error: float, seeds: int, problems: int, alpha: float
) -> float:
    """The chance that a study's interval at level `alpha` excludes 0, where the true difference is `difference`.

    (The chance of finding it on the wrong side is left out.)
    """
    freedom = max(seeds - 1, 1)
    factors = np.sqrt(stats.chi2.ppf(_FACTORS, freedom) / freedom)
    half = half_widths(factors * seed_error, np.array(problem_error), seeds, problems, np.array(alpha))
    return float(stats.norm.sf((half - abs(difference)) / math.hypot(seed_error, problem_error)).mean())


def smallest_detectable(estimate: Estimate, alpha: float) -> float:
    """The true difference that this study finds at level `alpha` with a chance of 80 %; in the estimate's unit."""
    if estimate.error == 0:
        return 0.0

    def lacking(difference: float) -> float:
        return _chance(estimate, difference, estimate.seeds, alpha) - POWER

    highest = estimate.error
    while lacking(highest) < 0:
        highest *= 2
    return float(brentq(lacking, 0.0, highest))


def seeds_needed(estimate: Estimate, alpha: float) -> int | None:
    """The seeds with which the estimate's mean, were it true, is found at level `alpha` with a chance of 80 %.

    Problems and samples stay as they are. With one seed, whose spread between training runs is unknown, this is what
    it would take if they did not differ: a lower bound.

    Returns None above 1000, and where no number of seeds is enough because the problems are too few.
    """

    def enough(seeds: int) -> bool:
        return estimate.error == 0 or _chance(estimate, estimate.mean, seeds, alpha) >= POWER

    if abs(estimate.mean) <= 1e-9 or not enough(MOST_SEEDS):
        return None
    low, high = 1, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _chance(estimate: Estimate, difference: float, seeds: int, alpha: float) -> float:
    """The chance of finding `difference` with another number of seeds; the seeds' part falls as 1 / seeds."""
    of_seeds, of_problems = estimate.seed_error, estimate.problem_error
    if estimate.seeds == 1 < seeds:
        of_seeds, of_problems = of_problems, 0.0
    of_seeds *= math.sqrt(estimate.seeds / seeds)
    return chance_of_finding(difference, of_seeds, of_problems, seeds, estimate.problems, alpha)
