"""pass@k for every k at once."""

import numpy as np
from numpy.typing import NDArray


def pass_table(samples: int) -> NDArray[np.float64]:
    """The unbiased pass@k by number of correct responses: entry [c, k - 1], of shape [samples + 1, samples].

    1 - C(samples - c, k) / C(samples, k), Chen et al. 2021, arXiv:2107.03374, equation 1: the chance that at least one
    of k of the `samples` responses, drawn without replacement, is correct. Worked out as a running product of
    (samples - c - i) / (samples - i) over i < k, because the binomials overflow. With k = 1 it is the share of correct
    responses.
    """
    correct, drawn = np.arange(samples + 1)[:, None], np.arange(samples)[None, :]
    return 1.0 - np.cumprod(np.maximum(samples - correct - drawn, 0) / (samples - drawn), axis=1)


def mean_pass_curve(correct: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The problems' mean pass@k for k = 1 … samples, from judgements of shape [..., problems, samples]."""
    samples = correct.shape[-1]
    counts = np.bincount(correct.sum(axis=-1).ravel(), minlength=samples + 1)
    return (counts[:, None] * pass_table(samples)).sum(axis=0) / counts.sum()
