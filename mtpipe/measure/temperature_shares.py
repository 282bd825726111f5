"""How the responses of a round fared by the temperature they were sampled at."""

from typing import Any

import torch

from mtpipe.learn.batching.advantages import group_advantages
from mtpipe.learn.batching.groups import Group

LISTED = 16


def temperature_shares(groups: list[Group]) -> list[dict[str, Any]]:
    """Rewards and GRPO advantages (`std`, compared with the whole group) by base temperature.

    Where there are more than `LISTED` temperatures, because they were drawn, they are taken together by tenths.

    Returns:
        for each temperature, ascending: the number of responses, their mean reward, and their share of the sum of
        positive advantages (0 where no group has any).
    """
    rewards = torch.tensor([group.rewards for group in groups], dtype=torch.float64)
    base = torch.tensor([group.base for group in groups], dtype=torch.float64)
    advantages, _ = group_advantages(rewards)
    positive = advantages.clamp(min=0)
    total = float(positive.sum())
    shares = []
    if len(base.unique()) > LISTED:
        base = (base * 10).round() / 10
    for temperature in base.unique().tolist():
        of_temperature = base == temperature
        shares.append(
            {
                "temperature": temperature,
                "responses": int(of_temperature.sum()),
                "reward": float(rewards[of_temperature].mean()),
                "positive_advantage_share": float(positive[of_temperature].sum()) / total if total else 0.0,
            }
        )
    return shares
