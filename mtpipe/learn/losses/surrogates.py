"""What one response token contributes to the loss, before any weight."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Surrogate:
    """`loss`, with gradient; `ratio` to the old policy; `clipped` where the clip holds."""

    loss: Float[Tensor, " tokens"]
    ratio: Float[Tensor, " tokens"]
    clipped: Bool[Tensor, " tokens"]


def clipped(
    log_ratio: Float[Tensor, " tokens"],
    advantages: Float[Tensor, " tokens"],
    clip_low: Float[Tensor, " tokens"] | float,
    clip_high: Float[Tensor, " tokens"] | float,
    dual_clip: float | None,
) -> Surrogate:
    """-min(r A, clip(r, 1 - clip_low, 1 + clip_high) A): PPO's clip, arXiv 1707.06347, equation 7.

    GRPO (arXiv 2402.03300, equation 3) takes clip_low = clip_high, DAPO (arXiv 2503.14476, equation 8) a larger
    clip_high; Dr.GRPO differs by its weights and advantages alone. For negative advantages `dual_clip` bounds the loss
    at -dual_clip * A (arXiv 1912.09729, equation 5): without it one token that the policy has come to favour by far
    can outweigh the batch.

    Args:
        log_ratio: log(policy / old policy), with gradient.
        advantages: each token's response's.
        clip_low, clip_high: for all tokens, or one for each (Archer, arXiv 2507.15778).
    """
    ratio = log_ratio.exp()
    free, bounded = ratio * advantages, ratio.clamp(1 - clip_low, 1 + clip_high) * advantages  # type: ignore[arg-type]
    objective = torch.minimum(free, bounded)
    held = bounded < free
    if dual_clip is not None:
        floor = dual_clip * advantages
        below = (advantages < 0) & (objective < floor)
        objective, held = torch.where(below, floor, objective), held | below
    return Surrogate(-objective, ratio.detach(), held.detach())


def sequence_log_ratio(log_ratio: Float[Tensor, " tokens"], row: Int[Tensor, " tokens"]) -> Float[Tensor, " tokens"]:
    """Each token's log-ratio replaced by its response's mean: GSPO, arXiv 2507.18071, equation 7.

    With `clipped` and a mean over responses this is GSPO. Its ratios are far nearer to 1 than a token's, so its clips
    are too: 3e-4 and 4e-4 in the paper.

    Args:
        row: the response that a token belongs to, as an index from 0.
    """
    responses = int(row.max()) + 1
    sums = log_ratio.new_zeros(responses).index_add(0, row, log_ratio)
    return (sums / torch.bincount(row, minlength=responses))[row]


def cispo(
    log_ratio: Float[Tensor, " tokens"],
    logprobs: Float[Tensor, " tokens"],
    advantages: Float[Tensor, " tokens"],
    clip_high: float,
) -> Surrogate:
    """-sg(min(r, 1 + clip_high)) A log pi: CISPO, arXiv 2506.13585, equations 4 and 5.

    No token loses its gradient, which goes through `logprobs`; the weight is bounded from above only, as the paper's
    experiments have it.
    """
    ratio = log_ratio.detach().exp()
    return Surrogate(-ratio.clamp(max=1 + clip_high) * advantages * logprobs, ratio, ratio > 1 + clip_high)


def k3(logprobs: Float[Tensor, " tokens"], reference_logprobs: Float[Tensor, " tokens"]) -> Float[Tensor, " tokens"]:
    """r - 1 - log r with r = reference / policy: the estimator of KL(policy || reference) that GRPO adds.

    Unbiased where the tokens come from the policy, never negative (Schulman, "Approximating KL divergence", k3;
    arXiv 2402.03300, equation 4). The tokens come from the behaviour policy, and no ratio corrects for it.
    """
    difference = reference_logprobs - logprobs
    return difference.exp() - 1 - difference
