"""How the responses of a round fared by the temperature they were sampled at."""

from typing import Any

import numpy as np

from mtpipe.records import Rollout

LISTED = 16
ROUNDING = 1e-6
"""Rewards of a group that differ by less than this share of the largest are equal, as they are for the update."""
EPSILON = 1e-4
"""Added to a group's standard deviation, as the update does with `advantage: std`."""


def temperature_shares(rollouts: list[Rollout], verdicts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rewards and GRPO advantages (compared with the whole group) by base temperature.

    If there are more than `LISTED` temperatures, because they were drawn, they are taken together by tenths.

    Returns:
        for each temperature, ascending: the number of responses, their mean reward, and their share of the sum of
        positive advantages (0 if no group has any).
    """
    reward = {(row["problem_id"], row["sample"]): row["reward"] for row in verdicts}
    base = np.array([rollout.base_temperature for rollout in rollouts])
    rewards = np.array([reward[rollout.problem_id, rollout.sample] for rollout in rollouts])
    _, group = np.unique([rollout.problem_id for rollout in rollouts], return_inverse=True)
    positive = np.maximum(standardised(rewards, group), 0.0)
    total = float(positive.sum())
    if len(np.unique(base)) > LISTED:
        base = np.round(base * 10) / 10
    shares = []
    for temperature in np.unique(base):
        of_temperature = base == temperature
        shares.append(
            {
                "temperature": float(temperature),
                "responses": int(of_temperature.sum()),
                "reward": float(rewards[of_temperature].mean()),
                "positive_advantage_share": float(positive[of_temperature].sum()) / total if total else 0.0,
            }
        )
    return shares


def standardised(rewards: np.ndarray, group: np.ndarray) -> np.ndarray:
    """GRPO's advantages: (reward - mean) / (standard deviation + EPSILON) within each group, 0 if all are equal.

    Args:
        group: the number of each response's group.
    """
    count = np.bincount(group)
    mean = np.bincount(group, rewards) / count
    gap = rewards - mean[group]
    deviation = np.sqrt(np.bincount(group, gap**2) / np.maximum(count - 1, 1))
    lowest, highest = np.full(len(count), np.inf), np.full(len(count), -np.inf)
    np.minimum.at(lowest, group, rewards)
    np.maximum.at(highest, group, rewards)
    differ = highest - lowest > ROUNDING * np.maximum(np.abs(highest), np.abs(lowest))
    return np.where(differ[group], gap / (deviation[group] + EPSILON), 0.0)
