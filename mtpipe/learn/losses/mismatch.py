"""Weights for tokens that one program sampled and another one learns from.

w = pi_start(T_t) / mu(T_t): the policy that the round starts with *as the update computes it*, over the same policy as
the engine recorded it, both at the temperature that the token was drawn at. Where both compute alike, w is 1. It has no
gradient, and corrects for rounding (bfloat16, fp8, other kernels) and not for temperature or drift: the ratio, from
pi_start on, does that.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mtpipe.learn.losses.surrogates import sequence_log_ratio
from mtpipe.settings.mismatch import (
    GeometricMask,
    Mismatch,
    SequenceMask,
    SequenceTruncate,
    TokenMask,
    TokenTruncate,
    Uncorrected,
)


def token_truncate(log_weight: Float[Tensor, " tokens"], cap: float) -> Float[Tensor, " tokens"]:
    """min(w, cap): truncated importance sampling, "TIS" (Yao et al. 2025, fengyao.notion.site/off-policy-rl).

    A token's weight alone ignores how the tokens before it were drawn, so it is biased even uncapped; its variance does
    not grow with the response's length.
    """
    return log_weight.exp().clamp(max=cap)


def token_mask(log_weight: Float[Tensor, " tokens"], low: float, high: float) -> Float[Tensor, " tokens"]:
    """w where low <= w <= high, else 0: IcePop (Ling Team, arXiv 2510.18855)."""
    weight = log_weight.exp()
    return torch.where((weight >= low) & (weight <= high), weight, 0.0)


def sequence_truncate(
    log_weight: Float[Tensor, " tokens"], response_index: Int[Tensor, " tokens"], cap: float
) -> Float[Tensor, " tokens"]:
    """min(product of w over the response, cap), the same for all its tokens (Liu, Li et al. 2025, "When Speed Kills
    Stability"; TRL's `sequence_truncate`)."""
    return _product(log_weight, response_index).clamp(max=cap)


def sequence_mask(
    log_weight: Float[Tensor, " tokens"], response_index: Int[Tensor, " tokens"], cap: float
) -> Float[Tensor, " tokens"]:
    """The product of w over the response where that is at most `cap`, else 0 (ibid., "MIS"; TRL's default, cap 3).

    Below the cap it is unbiased; its variance grows with the response's length.
    """
    whole = _product(log_weight, response_index)
    return torch.where(whole <= cap, whole, 0.0)


def geometric_mask(
    log_weight: Float[Tensor, " tokens"], response_index: Int[Tensor, " tokens"], low: float, high: float
) -> Float[Tensor, " tokens"]:
    """1 if the geometric mean of w over the response is within [low, high], else 0 (ibid., "Geo-RS"; verl, SkyRL).

    Long responses are not cut for their length, as a product would.
    """
    mean = sequence_log_ratio(log_weight, response_index).exp()
    return ((mean >= low) & (mean <= high)).to(log_weight.dtype)


def vetoed(
    log_weight: Float[Tensor, " tokens"], response_index: Int[Tensor, " tokens"], floor: float
) -> Bool[Tensor, " tokens"]:
    """Whether any token of a token's response has w < floor: the engine drew what the update all but excludes (ibid.).

    verl, slime: 1e-4.
    """
    below = (log_weight.exp() < floor).to(log_weight.dtype)
    return (log_weight.new_zeros(int(response_index.max()) + 1).index_add(0, response_index, below) > 0)[response_index]


def mismatch_weights(
    log_weight: Float[Tensor, " tokens"], response_index: Int[Tensor, " tokens"], settings: Mismatch
) -> Float[Tensor, " tokens"]:
    """The weights, without gradient, that `update.mismatch` asks for; 0 if a token or its response is cut.

    Args:
        log_weight: log w, of whole responses.
        response_index: the response that a token belongs to, as an index from 0.
    """
    log_weight = log_weight.detach()
    match settings:
        case Uncorrected():
            weights = torch.ones_like(log_weight)
        case TokenTruncate(cap=cap):
            weights = token_truncate(log_weight, cap)
        case TokenMask(low=low, high=high):
            weights = token_mask(log_weight, low, high)
        case SequenceTruncate(cap=cap):
            weights = sequence_truncate(log_weight, response_index, cap)
        case SequenceMask(cap=cap):
            weights = sequence_mask(log_weight, response_index, cap)
        case GeometricMask(low=low, high=high):
            weights = geometric_mask(log_weight, response_index, low, high)
    if settings.veto is not None:
        weights = weights.masked_fill(vetoed(log_weight, response_index, settings.veto), 0.0)
    return weights


def _product(log_weight: Tensor, response_index: Tensor) -> Tensor:
    responses = int(response_index.max()) + 1
    return log_weight.new_zeros(responses).index_add(0, response_index, log_weight).exp()[response_index]
