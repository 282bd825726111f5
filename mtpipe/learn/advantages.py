"""Advantages of a group's responses over each other.

An advantage is (reward - baseline) * scale. Any baseline that does not depend on the response itself leaves the
policy gradient unbiased, because E[baseline * grad log mu_T(response)] = 0 at whatever temperature the response was
drawn; a mean that includes the response shrinks the gradient by (n - 1)/n, n responses sharing it, and `leave_one_out`
undoes that. Scales estimated from the same rewards (`std`, `batch_std`) bias it; they buy a step size that does not
depend on how hard a problem is.
"""

from typing import Literal

import torch
from torch import Tensor

EPSILON = 1e-4
"""Added to the standard deviation, as in TRL's GRPO."""

Scale = Literal["std", "mean", "leave_one_out", "batch_std"]


def group_advantages(
    rewards: Tensor, scale: Scale = "std", temperatures: list[float] | None = None
) -> tuple[Tensor, Tensor]:
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
        rewards: [groups, group_size].
        temperatures: the base temperature of each response of a group, [group_size]; None compares with all.

    Returns:
        advantages [groups, group_size], and [groups] whether any of the group's differs from 0; a group of equal
        rewards has nothing to teach.
    """
    centred = torch.zeros_like(rewards)
    members = _compared(rewards.shape[1], temperatures)
    alone = [subset[0] for subset in members if len(subset) == 1]
    for subset, peers in [(subset, subset) for subset in members if len(subset) > 1] + [
        (alone, list(range(rewards.shape[1])))
    ]:
        size = len(peers)
        differ = (rewards[:, peers].amax(1) > rewards[:, peers].amin(1))[:, None]
        distance = rewards[:, subset] - rewards[:, peers].mean(1, keepdim=True)
        unshrunk = size / (size - 1) if scale == "leave_one_out" else 1.0
        centred[:, subset] = torch.where(differ, distance * unshrunk, 0.0)
    freedom = rewards.shape[1] - sum(len(subset) > 1 for subset in members) - bool(alone)
    if scale == "std":
        centred = centred / ((centred.square().sum(1, keepdim=True) / freedom).sqrt() + EPSILON)
    elif scale == "batch_std":
        centred = centred / (centred.std() + EPSILON)
    return centred, (centred != 0).any(1)


def _compared(size: int, temperatures: list[float] | None) -> list[list[int]]:
    """The responses of a group, by the temperature that they share."""
    if temperatures is None:
        return [list(range(size))]
    return [
        [index for index, value in enumerate(temperatures) if value == temperature]
        for temperature in sorted(set(temperatures))
    ]
