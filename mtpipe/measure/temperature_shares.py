"""How the responses of a round fared by the temperature they were sampled at, and how much they differ."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mtpipe.records import Rollout

LISTED = 16
ROUNDING = 1e-6
"""Rewards of a group that differ by less than this share of the largest are equal, as they are for the update."""
EPSILON = 1e-4
"""Added to a group's standard deviation, as the update does with `advantage: std`."""


def temperature_shares(rollouts: list[Rollout], verdicts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rewards, GRPO advantages and diversity (the last two compared with the whole group) by base temperature.

    If there are more than `LISTED` temperatures, because they were drawn, they are taken together by tenths.

    Returns:
        for each temperature, ascending: the number of responses, their mean reward, their share of the sum of
        positive advantages (0 if no group has any), and the means of `shares_that_differ` by text
        (`different_responses`) and by final answer (`different_answers`).
    """
    verdict = {(row["problem_id"], row["sample"]): row for row in verdicts}
    judged = [verdict[rollout.problem_id, rollout.sample] for rollout in rollouts]
    ids = [rollout.problem_id for rollout in rollouts]
    base = np.array([rollout.base_temperature for rollout in rollouts])
    rewards = np.array([row["reward"] for row in judged])
    texts = shares_that_differ([rollout.text for rollout in rollouts], ids)
    answers = shares_that_differ([row["answer"] for row in judged], ids)
    _, group = np.unique(ids, return_inverse=True)
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
                "different_responses": float(texts[of_temperature].mean()),
                "different_answers": float(answers[of_temperature].mean()),
            }
        )
    return shares


def shares_that_differ(values: Sequence[str], problem_ids: Sequence[str]) -> np.ndarray:
    """For each response, the share of the other responses of its group whose value is not the same.

    The others have any temperature, so a response that is the only one at its temperature has a share too. Being a
    share of pairs, it does not shrink in larger groups, as the share of distinct values does. A group of one, which
    `sampling.group_size` does not allow, has 0.

    Args:
        values: texts, or final answers. They are counted, not compared in pairs: a text can have 100 kB.
        problem_ids: the group of each response.
    """
    size = Counter(problem_ids)
    same = Counter(zip(problem_ids, values, strict=True))
    return np.array(
        [(size[id] - same[id, value]) / max(size[id] - 1, 1) for id, value in zip(problem_ids, values, strict=True)]
    )


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
