import pytest
import torch
from builders import rollout
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.learn.batching.advantages import group_advantages
from mtpipe.measure.temperature_shares import LISTED, temperature_shares


def round_of(bases: list[list[float]], rewards: list[list[float]]) -> tuple[list, list]:
    """Rollouts of one token and their verdicts, problem by problem."""
    keys = [(str(problem), sample) for problem, group in enumerate(bases) for sample in range(len(group))]
    flat = [base for group in bases for base in group]
    rollouts = [
        rollout([1], temperature=base, problem_id=problem, sample=sample)
        for (problem, sample), base in zip(keys, flat, strict=True)
    ]
    values = [value for group in rewards for value in group]
    return rollouts, [{"problem_id": p, "sample": s, "reward": r} for (p, s), r in zip(keys, values, strict=True)]


def test_shares_by_temperature_follow_the_responses_own_temperature():
    bases, rewards = [[0.7, 1.3, 1.3, 0.7], [1.3, 0.7, 1.3, 0.7]], [[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]
    cold, hot = temperature_shares(*round_of(bases, rewards))
    assert (cold["temperature"], cold["responses"], cold["reward"]) == (0.7, 4, 0.5)
    assert (hot["temperature"], hot["responses"], hot["reward"]) == (1.3, 4, 0.25)
    assert cold["positive_advantage_share"] + hot["positive_advantage_share"] == pytest.approx(1.0)
    assert cold["positive_advantage_share"] > hot["positive_advantage_share"]


@given(st.lists(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=4, max_size=4), min_size=1, max_size=6))
def test_the_advantages_are_those_that_the_update_computes(rewards):
    bases = [[0.8, 0.9, 1.1, 1.2]] * len(rewards)
    expected, _ = group_advantages(torch.tensor(rewards, dtype=torch.float64))
    positive = expected.clamp(min=0)
    shares = (positive.sum(0) / positive.sum()).tolist() if positive.sum() else [0.0] * 4
    measured = [share["positive_advantage_share"] for share in temperature_shares(*round_of(bases, rewards))]
    assert measured == pytest.approx(shares, abs=1e-12)


def test_a_responses_reward_is_found_by_its_problem_and_number_and_its_temperature_is_not_a_tokens():
    rollouts, verdicts = round_of([[0.7, 1.3], [0.7, 1.3]], [[1.0, 0.0], [1.0, 0.5]])
    for one in rollouts:
        one.temperatures = [1.0]
    expected = [(0.7, 1.0), (1.3, 0.25)]
    for order in (verdicts, verdicts[::-1]):
        assert [(share["temperature"], share["reward"]) for share in temperature_shares(rollouts, order)] == expected


def test_drawn_temperatures_are_taken_together_by_tenths():
    bases = [0.96 + index / 200 for index in range(2 * LISTED)]
    rewards = [float(index % 2) for index in range(len(bases))]
    shares = temperature_shares(*round_of([bases], [rewards]))
    assert [share["temperature"] for share in shares] == [1.0, 1.1]
    assert sum(share["responses"] for share in shares) == len(bases)
    assert sum(share["positive_advantage_share"] for share in shares) == pytest.approx(1.0, abs=1e-9)
