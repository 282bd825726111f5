"""Advantages of a group's responses over each other.

An advantage is (reward - baseline) * scale. Any baseline that does not depend on the response itself leaves the
policy gradient unbiased, because E[baseline * grad log mu_T(response)] = 0 at whatever temperature the response was
drawn; a mean that includes the response shrinks the gradient by (n - 1)/n, n responses sharing it, and `leave_one_out`
undoes that. Scales estimated from the same rewards (`std`, `batch_std`) bias it; they buy a step size that does not
depend on how hard a problem is.
"""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

EPSILON = 1e-4
"""Added to the standard deviation, as in TRL's GRPO."""

ROUNDING = 1e-6
"""Rewards that differ by less than this share of the largest are equal: float32 rounds by 6e-8, and sums by more."""

Scale = Literal["std", "mean", "leave_one_out", "batch_std"]


def group_advantages(
    rewards: Float[Tensor, "groups group_size"], scale: Scale = "std", temperatures: list[list[float]] | None = None
) -> tuple[Float[Tensor, "groups group_size"], Bool[Tensor, " groups"]]:
    """Advantages of all groups of a step.

    * `std`: (reward - mean) / (standard deviation + 1e-4). GRPO, arXiv 2402.03300, outcome supervision.
    * `mean`: reward - mean. Dr.GRPO, arXiv 2503.20783.
    * `leave_one_out`: reward - mean of the others. RLOO, arXiv 2402.14740.
    * `batch_std`: (reward - mean) / (standard deviation over the step's responses + 1e-4). REINFORCE++-baseline,
      arXiv 2501.03262.

    With `temperatures`, a response is compared with those of its group that were sampled at the same base temperature:
    the baseline is an estimate of the expected reward of the problem *at that temperature*, so a response gains nothing
    from having been drawn at a temperature that does better on average. That removes the variance between temperatures
    from the gradient; it costs a noisier baseline, from fewer responses. Responses alone at their temperature have no
    such estimate and are compared with the whole group. Means that include the response shrink the gradient of a
    temperature that n of them share by (n - 1)/n, so where temperatures have different counts, `leave_one_out` is the
    fair choice. The standard deviation of `std` is pooled: the squared distances from all baselines, over the
    responses less the number of baselines.

    Args:
        temperatures: the responses' base temperatures, [groups, group_size]; None compares with all.

    Returns:
        advantages, and whether any of a group's differs from 0; a group of equal rewards has nothing to teach,
        and rewards that differ by rounding alone are equal.
    """
    peers, baselines = _compared(rewards, temperatures)
    size = peers.sum(2, dtype=rewards.dtype)
    of_peers = rewards[:, None, :].expand_as(peers)
    span = of_peers.where(peers, -math.inf).amax(2) - of_peers.where(peers, math.inf).amin(2)
    differ = span > ROUNDING * of_peers.where(peers, 0.0).abs().amax(2)
    distance = rewards - of_peers.where(peers, 0.0).sum(2) / size
    unshrunk = size / (size - 1) if scale == "leave_one_out" else 1.0
    centred = (distance * unshrunk).where(differ, 0.0)
    if scale == "std":
        freedom = rewards.shape[1] - baselines[:, None]
        centred = centred / ((centred.square().sum(1, keepdim=True) / freedom).sqrt() + EPSILON)
    elif scale == "batch_std":
        centred = centred / (centred.std() + EPSILON)
    return centred, (centred != 0).any(1)


def _compared(
    rewards: Float[Tensor, "groups group_size"], temperatures: list[list[float]] | None
) -> tuple[Bool[Tensor, "groups group_size group_size"], Int[Tensor, " groups"]]:
    """Which responses each one is compared with, and how many baselines a group then has."""
    groups, size = rewards.shape
    if temperatures is None:
        same = torch.ones(groups, size, size, dtype=torch.bool)
    else:
        of_response = torch.tensor(temperatures, dtype=torch.float64)
        same = of_response[:, :, None] == of_response[:, None, :]
    alone = same.sum(2) == 1
    first_of_its_temperature = ~same.tril(-1).any(2)
    baselines = (~alone & first_of_its_temperature).sum(1) + alone.any(1)
    return same | alone[:, :, None], baselines
