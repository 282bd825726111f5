"""Policy-gradient losses as pure functions over a flat list of response tokens."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TokenLoss:
    """`loss` [tokens] to be summed and divided by the batch's tokens; `clipped` [tokens] where the clip holds."""

    loss: Tensor
    ratio: Tensor
    clipped: Tensor


def dapo_loss(
    logprobs: Tensor,
    sampled_logprobs: Tensor,
    advantages: Tensor,
    clip_low: float,
    clip_high: float,
    dual_clip: float | None,
) -> TokenLoss:
    """Clipped surrogate with an asymmetric clip: DAPO, arXiv 2503.14476, equation 8, before the mean over tokens.

    With the tempered target both log-probs are at the token's sampling temperature, so the ratio starts at 1.
    For negative advantages `dual_clip` bounds the loss at -dual_clip * advantage (arXiv 1912.09729): without it
    one token that the policy has come to favour by far can outweigh the batch.

    Args:
        logprobs: [tokens], of the policy being trained, with gradient.
        sampled_logprobs: [tokens], of the behaviour policy.
        advantages: [tokens], each token's response's.
    """
    ratio = (logprobs - sampled_logprobs).exp()
    free, clipped = ratio * advantages, ratio.clamp(1 - clip_low, 1 + clip_high) * advantages
    objective = torch.minimum(free, clipped)
    held = clipped < free
    if dual_clip is not None:
        floor = dual_clip * advantages
        below = (advantages < 0) & (objective < floor)
        objective, held = torch.where(below, floor, objective), held | below
    return TokenLoss(-objective, ratio.detach(), held.detach())
