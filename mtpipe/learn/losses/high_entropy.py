"""Tokens told apart by the entropy that they were sampled under.

The entropies are those recorded at sampling (nats, untempered): known before a step is split, the same for every
temperature, and those by which the token rules heat. So a choice depends on neither micro-batches nor processes.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def top_entropy(entropies: Float[Tensor, " tokens"], share: float) -> Bool[Tensor, " tokens"]:
    """Whether a token is among the `share` of highest entropy; "80/20", arXiv 2506.01939.

    That is: at or above the k-th highest entropy, k = ceil(share * tokens), so equal tokens go together.

    Args:
        entropies: of all tokens of an optimizer step: the paper's batch.
    """
    kept = math.ceil(share * len(entropies))
    return entropies >= entropies.topk(kept).values[-1]


def reasoning_tokens(
    entropies: Float[Tensor, " tokens"], row: Int[Tensor, " tokens"], quantile: float
) -> Bool[Tensor, " tokens"]:
    """Whether a token's entropy reaches the quantile of its own response; Archer, arXiv 2507.15778.

    Quantiles lie on the straight line between the two nearest entropies.

    Args:
        row: the response that a token belongs to, as an index from 0.
    """
    thresholds = torch.stack([entropies[row == response].quantile(quantile) for response in range(int(row.max()) + 1)])
    return entropies >= thresholds[row]
