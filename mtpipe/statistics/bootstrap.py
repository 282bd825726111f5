"""Intervals over problems, and over seeds where there are several.

The data of one arm on one benchmark is a table of seeds by problems: every seed's policy answers the same problems.
Both are samples, of training runs and of problems, and both margins are resampled, independently of each other: the
pigeonhole bootstrap (Owen 2007, Annals of Applied Statistics 1(2), 386-411, doi:10.1214/07-AOAS122). A resample's mean
is sum over s, p of u_s w_p x_sp / (S P), with u and w the multinomial counts of the drawn seeds and problems. Responses
to one problem are averaged beforehand, so they stay together. With one seed this is the ordinary bootstrap over
problems, and says nothing about other seeds. With few seeds it is too narrow in that direction, as any bootstrap of a
handful of units is: their spread comes out too small by a factor of about sqrt((S - 1) / S).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RNG_SEED = 0
_GRID = 2.0**30
_COUNTS_AT_ONCE = 4_000_000
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Estimate:
    """A mean over `problems` problems and `seeds` seeds, its interval, and its standard error."""

    mean: float
    low: float
    high: float
    error: float
    problems: int
    seeds: int

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the interval; never for a single problem, which says nothing about others."""
        return self.problems > 1 and (self.low > _ROUNDING or self.high < -_ROUNDING)


def estimate_means(values: NDArray[np.float64], resamples: int, confidence: float) -> list[Estimate]:
    """The mean of each of several tables, with a percentile interval.

    All tables share their resamples, and the random numbers are fixed: the same table has the same interval whatever
    it is estimated with. A table of equal values has an interval of width 0.

    Values are rounded to multiples of 2^-30. Every sum of a resample is then a multiple of it below 2^53 of them, so
    exact, and the result does not depend on the order in which a matrix product adds, which differs with its threads.

    Args:
        values: [tables, seeds, problems], of absolute value up to 1; seeds times problems below 2^23.
    """
    tables, seeds, problems = values.shape
    values = np.rint(values * _GRID) / _GRID
    means = _resampled_means(values, resamples)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=1)
    centre, error = values.mean(axis=(1, 2)), means.std(axis=1)
    constant = np.ptp(values.reshape(tables, -1), axis=1) <= _ROUNDING
    low, high, error = np.where(constant, centre, low), np.where(constant, centre, high), np.where(constant, 0, error)
    return [
        Estimate(float(centre[n]), float(low[n]), float(high[n]), float(error[n]), problems, seeds)
        for n in range(tables)
    ]


def _resampled_means(values: NDArray[np.float64], resamples: int) -> NDArray[np.float64]:
    """[tables, resamples]; the counts are made in parts, for memory, and each part is two matrix products."""
    tables, seeds, problems = values.shape
    rng = np.random.default_rng(RNG_SEED)
    flat = values.reshape(tables * seeds, problems)
    means = np.empty((tables, resamples))
    part = max(1, _COUNTS_AT_ONCE // problems)
    for start in range(0, resamples, part):
        drawn = min(part, resamples - start)
        by_seed = (flat @ _counts(rng, drawn, problems).T).reshape(tables, seeds, drawn)
        means[:, start : start + drawn] = np.einsum("tsr,rs->tr", by_seed, _counts(rng, drawn, seeds))
    return means / (seeds * problems)


def _counts(rng: np.random.Generator, resamples: int, units: int) -> NDArray[np.float64]:
    """How often each unit is drawn in each resample: [resamples, units]."""
    drawn = rng.integers(units, size=(resamples, units)) + np.arange(resamples)[:, None] * units
    return np.bincount(drawn.ravel(), minlength=resamples * units).reshape(resamples, units).astype(float)
