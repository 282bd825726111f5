"""Tokens told apart by how much they take from the policy's entropy: Clip-Cov and KL-Cov, arXiv 2505.22617.

A step lowers the entropy by about the covariance of log-prob and advantage over tokens, and a small share of the tokens
makes most of it. Both methods act on those. The log-probs are those recorded at sampling: at the first step of a round
they are the policy's, and the choice depends on neither micro-batches nor processes.
"""

import random

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def covariances(logprobs: Float[Tensor, " tokens"], advantages: Float[Tensor, " tokens"]) -> Float[Tensor, " tokens"]:
    """(log-prob - its mean) * (advantage - its mean), of all tokens of an optimizer step."""
    return (logprobs - logprobs.mean()) * (advantages - advantages.mean())


def clip_cov(
    found: Float[Tensor, " tokens"], share: float, low: float, high: float, seed: str
) -> Bool[Tensor, " tokens"]:
    """The tokens that lose their gradient: `share` of all, drawn from those with a covariance in the band.

    At least one token, as in the authors' code, and no more than the band holds.

    Args:
        found: covariances.
        low, high: the band, open at both ends.
        seed: what the draw is a function of, besides the covariances.
    """
    band = ((found > low) & (found < high)).nonzero().squeeze(1).tolist()
    count = min(len(band), max(1, int(share * len(found))))
    chosen = torch.zeros(len(found), dtype=torch.bool)
    chosen[random.Random(f"clip_cov/{seed}").sample(band, count)] = True
    return chosen


def kl_cov(found: Float[Tensor, " tokens"], share: float) -> Bool[Tensor, " tokens"]:
    """The tokens that a KL holds back: the `share` of highest covariance, at least one."""
    chosen = torch.zeros(len(found), dtype=torch.bool)
    chosen[found.topk(max(1, int(share * len(found)))).indices] = True
    return chosen


def held_back(log_ratio: Float[Tensor, " tokens"]) -> Float[Tensor, " tokens"]:
    """r - 1 - log r, r = policy / behaviour policy: what `kl_cov` adds, times its coefficient.

    An estimate of KL(behaviour || policy) from the behaviour's own tokens, unbiased over all and never negative.
    The authors' code takes |log r|, whose gradient at r = 1, where every round starts, is the sign of a rounding error.
    """
    return log_ratio.exp() - 1 - log_ratio
