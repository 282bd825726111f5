import random

import pytest
import torch
from builders import rollout
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.learn.batching.advantages import group_advantages
from mtpipe.measure.temperature_shares import LISTED, temperature_shares


def round_of(bases: list[list[float]], rewards: list[list[float]], texts: list[str] | None = None) -> tuple[list, list]:
    """Rollouts of one token and their verdicts, problem by problem; a text's first letter is its answer."""
    keys = [(str(problem), sample) for problem, group in enumerate(bases) for sample in range(len(group))]
    flat = [base for group in bases for base in group]
    rollouts = [
        rollout([1], temperature=base, problem_id=problem, sample=sample)
        for (problem, sample), base in zip(keys, flat, strict=True)
    ]
    values = [value for group in rewards for value in group]
    verdicts = [{"problem_id": p, "sample": s, "reward": r} for (p, s), r in zip(keys, values, strict=True)]
    for one, verdict, text in zip(rollouts, verdicts, texts or [""] * len(keys), strict=True):
        one.text, verdict["answer"] = text, text[:1]
    return rollouts, verdicts


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


def diversity(bases: list[list[float]], texts: list[list[str]], order: random.Random | None = None) -> list[tuple]:
    rewards = [[0.0] * len(group) for group in bases]
    rollouts, verdicts = round_of(bases, rewards, [text for group in texts for text in group])
    if order:
        order.shuffle(rollouts)
    return [
        (share["temperature"], share["responses"], share["different_responses"], share["different_answers"])
        for share in temperature_shares(rollouts, verdicts)
    ]


def test_a_response_is_compared_with_the_others_of_its_group_at_any_temperature():
    bases = [[0.7, 0.7, 1.3], [0.7, 0.7, 1.3]]
    texts = [["ax", "ax", "ay"], ["ax", "bx", "cx"]]  # of the others' texts 1/2, 1/2 and 1 differ, then all
    assert diversity(bases, texts) == [(0.7, 4, 0.75, 0.5), (1.3, 2, 1.0, 0.5)]


def test_equal_responses_have_no_diversity_and_different_ones_all():
    bases = [[0.7, 1.0, 1.3]] * 2
    assert {found[2:] for found in diversity(bases, [["ax"] * 3, ["bx"] * 3])} == {(0.0, 0.0)}
    assert {found[2:] for found in diversity(bases, [["a", "b", "c"]] * 2)} == {(1.0, 1.0)}
    assert {found[2:] for found in diversity(bases, [["a1", "a2", "a3"]] * 2)} == {(1.0, 0.0)}


TEXTS = st.sampled_from(["a", "ab", "b", "ba"])
GROUPS = st.lists(st.lists(st.tuples(st.sampled_from([0.7, 1.0, 1.3]), TEXTS), min_size=3, max_size=3), min_size=1)


@given(GROUPS, st.randoms(use_true_random=False))
def test_diversity_does_not_depend_on_the_order_and_is_that_of_all_pairs(groups, order):
    bases, texts = ([[response[place] for response in group] for group in groups] for place in (0, 1))
    found = diversity(bases, texts)
    shuffled = [order.sample(group, len(group)) for group in groups]
    again = ([[response[place] for response in group] for group in shuffled] for place in (0, 1))
    assert diversity(*again, order) == [pytest.approx(share) for share in found]
    for temperature, _, by_text, by_answer in found:
        pairs = [
            (one, other)
            for group in groups
            for place, (base, one) in enumerate(group)
            for beside, (_, other) in enumerate(group)
            if base == temperature and beside != place
        ]
        assert by_text == pytest.approx(sum(one != other for one, other in pairs) / len(pairs))
        assert by_answer == pytest.approx(sum(one[0] != other[0] for one, other in pairs) / len(pairs))


@given(GROUPS)
def test_temperatures_taken_together_have_the_mean_of_their_responses(groups):
    texts = [[text for _, text in group] for group in groups]
    apart = diversity([[base for base, _ in group] for group in groups], texts)
    [(_, responses, *together)] = diversity([[1.0] * len(group) for group in groups], texts)
    for place, value in enumerate(together, 2):
        assert value == pytest.approx(sum(found[1] * found[place] for found in apart) / responses)


def test_a_response_alone_at_its_temperature_is_measured_as_the_same_response_among_many():
    texts = [["ax", "bx", "bx", "bx"]]
    alone = diversity([[0.7, 1.3, 1.3, 1.3]], texts)
    assert alone[0] == (0.7, 1, 1.0, 1.0)
    assert alone[1] == (1.3, 3, pytest.approx(1 / 3), pytest.approx(1 / 3))
