"""The shares of a reward's parts in the advantages."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.learn.batching.advantages import group_advantages
from mtpipe.measure.reward_parts import reward_parts

SIZE = 4
WEIGHTS = {"correct": 1.0, "format": 0.1, "plugins.mine.waits": -0.2}
values = st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, 3.0])] * 3), min_size=SIZE, max_size=3 * SIZE).map(
    lambda found: found[: len(found) // SIZE * SIZE]
)


def rows(values: list[tuple[float, ...]], masked: frozenset[int] = frozenset()) -> list[dict]:
    return [
        {
            "problem_id": str(index // SIZE),
            "reward": sum(weight * value for weight, value in zip(WEIGHTS.values(), found, strict=True)),
            "parts": list(zip(WEIGHTS, found, strict=True)),
            "masked": index in masked,
        }
        for index, found in enumerate(values)
    ]


@given(values)
def test_shares_are_covariances_with_the_updates_advantages_and_sum_to_one(values):
    found = reward_parts(rows(values), WEIGHTS)
    rewards = torch.tensor([row["reward"] for row in rows(values)], dtype=torch.float64).reshape(-1, SIZE)
    advantages, varied = group_advantages(rewards)
    total = float(advantages.square().sum())
    if not total:
        assert {part["advantage_share"] for part in found.values()} == {0.0}
        return
    assert sum(part["advantage_share"] for part in found.values()) == pytest.approx(1.0)
    deviation = rewards.std(1, keepdim=True) + 1e-4
    for index, (name, weight) in enumerate(WEIGHTS.items()):
        own = weight * torch.tensor([value[index] for value in values], dtype=torch.float64).reshape(-1, SIZE)
        scaled = (own - own.mean(1, keepdim=True)) / deviation * varied[:, None]
        assert found[name]["advantage_share"] == pytest.approx(float((scaled * advantages).sum()) / total, abs=1e-9)
        assert found[name]["mean"] == pytest.approx(np.mean([value[index] for value in values]))


def test_a_part_that_is_all_of_the_reward_has_the_whole_and_a_constant_one_nothing():
    found = reward_parts(rows([(1, 1, 0), (0, 1, 0), (0, 1, 0), (1, 1, 0)]), WEIGHTS)
    assert found["correct"]["advantage_share"] == pytest.approx(1.0)
    assert found["format"] == {"mean": 1.0, "advantage_share": 0.0}


def test_what_works_against_the_rest_has_a_negative_share_and_masked_responses_none():
    values = [(1.0, 0.0, 1.0), (0.0, 0.0, 0.0), (1.0, 0.0, 1.0), (0.0, 0.0, 0.0)]
    assert reward_parts(rows(values), WEIGHTS)["plugins.mine.waits"]["advantage_share"] == pytest.approx(-0.25)
    everything = reward_parts(rows(values, masked=frozenset(range(4))), WEIGHTS)
    assert everything["correct"] == {"mean": 0.5, "advantage_share": 0.0}
