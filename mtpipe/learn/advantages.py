"""Advantages of a group's responses over each other."""

import torch
from torch import Tensor

EPSILON = 1e-4
"""Added to the standard deviation, as in TRL's GRPO."""


def group_advantages(rewards: Tensor) -> tuple[Tensor, Tensor]:
    """(reward - group mean) / (group standard deviation + 1e-4): GRPO, arXiv 2402.03300, outcome supervision.

    Args:
        rewards: [groups, group_size].

    Returns:
        advantages [groups, group_size], and [groups] whether the group's rewards differ at all; a group of
        equal rewards has nothing to teach, and its advantages are 0.
    """
    centred = rewards - rewards.mean(1, keepdim=True)
    varied = rewards.amax(1) > rewards.amin(1)
    advantages = centred / (rewards.std(1, keepdim=True) + EPSILON)
    return torch.where(varied[:, None], advantages, 0.0), varied
