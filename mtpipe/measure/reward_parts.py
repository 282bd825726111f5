"""What each part of a round's rewards comes to, and how much of the advantages it makes up."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mtpipe.measure.temperature_shares import standardised


def reward_parts(verdicts: list[dict[str, Any]], weights: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """The mean value and the advantage share of each part of the reward.

    GRPO's advantage A of a response is a sum over the parts, A_p being the part's weighted value, centred and divided
    as the reward is. The share of a part is sum(A_p A) / sum(A^2) over the round's responses: its covariance with the
    advantage over the advantage's variance. The shares sum to 1; a part that works against the others has a negative
    one. Responses that teach nothing are left out. Without any advantage in the round the shares are 0.

    Args:
        weights: each part's weight.
    """
    rewards = np.array([row["reward"] for row in verdicts])
    _, group = np.unique([row["problem_id"] for row in verdicts], return_inverse=True)
    advantages = standardised(rewards, group)
    scale = np.divide(advantages, _centred(rewards, group), out=np.zeros(len(rewards)), where=advantages != 0)
    teaching = np.array([not row["masked"] for row in verdicts])
    total = float(np.sum(advantages[teaching] ** 2))
    values = {name: np.array([dict(row["parts"] or {}).get(name, 0.0) for row in verdicts]) for name in weights}
    return {
        name: {
            "mean": float(values[name].mean()),
            "advantage_share": _share(scale * _centred(weight * values[name], group), advantages, teaching, total),
        }
        for name, weight in weights.items()
    }


def _share(of_part: np.ndarray, advantages: np.ndarray, teaching: np.ndarray, total: float) -> float:
    return float(np.sum((of_part * advantages)[teaching])) / (total or 1.0)


def _centred(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    return values - (np.bincount(group, values) / np.bincount(group))[group]
