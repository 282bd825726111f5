"""A paired test of two policies over problems, and the correction of several tests."""

import numpy as np
from numpy.typing import NDArray

RNG_SEED = 0
_SIGNS_AT_ONCE = 4_000_000
_ROUNDING = 1e-9


def sign_flip_p_values(differences: NDArray[np.float64], resamples: int) -> NDArray[np.float64]:
    """Two-sided p-values of mean difference 0 between two policies, by flipping the signs of whole problems.

    If they do not differ, a problem's difference is as likely to have the other sign. All 2^problems signs are tried if
    these are not more than `resamples`; else as many random ones, and the p-value is (1 + those at least as far from
    0) / (1 + resamples), which is never 0 (Phipson and Smyth 2010, arXiv:1603.05766).

    Args:
        differences: [comparisons, problems].
    """
    comparisons, problems = differences.shape
    observed = np.abs(differences.sum(axis=1)) - _ROUNDING
    if problems < 63 and 2**problems <= resamples:
        bits = np.arange(2**problems)[:, None] >> np.arange(problems)[None, :] & 1
        sums = differences @ (1.0 - 2.0 * bits).T
        return (np.abs(sums) >= observed[:, None]).mean(axis=1)
    rng = np.random.default_rng(RNG_SEED)
    as_far = np.zeros(comparisons)
    part = max(1, _SIGNS_AT_ONCE // problems)
    for start in range(0, resamples, part):
        drawn = min(part, resamples - start)
        signs = 1.0 - 2.0 * rng.integers(2, size=(drawn, problems), dtype=np.int8)
        as_far += (np.abs(differences @ signs.T) >= observed[:, None]).sum(axis=1)
    return (1 + as_far) / (1 + resamples)


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Holm's adjusted p-values of one family (Holm 1979): those up to alpha hold together at level alpha."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
