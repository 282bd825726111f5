"""How the responses of a round fared by the temperature they were sampled at."""

from typing import Any

import torch

from mtpipe.learn.advantages import group_advantages
from mtpipe.learn.groups import Group


def temperature_shares(groups: list[Group], base: list[float]) -> list[dict[str, Any]]:
    """Rewards and GRPO advantages (`std`, compared with the whole group) by temperature.

    Args:
        base: the planned base temperature of each response of a group.

    Returns:
        for each temperature, ascending: the number of responses, their mean reward, and their share of the sum of
        positive advantages (0 where no group has any).
    """
    advantages, _ = group_advantages(torch.tensor([group.rewards for group in groups], dtype=torch.float64))
    positive = advantages.clamp(min=0)
    total = float(positive.sum())
    shares = []
    for temperature in sorted(set(base)):
        samples = [index for index, value in enumerate(base) if value == temperature]
        rewards = [group.rewards[index] for group in groups for index in samples]
        shares.append(
            {
                "temperature": temperature,
                "responses": len(rewards),
                "reward": sum(rewards) / len(rewards),
                "positive_advantage_share": float(positive[:, samples].sum()) / total if total else 0.0,
            }
        )
    return shares
