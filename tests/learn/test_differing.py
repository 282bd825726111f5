"""Which groups a refill takes for differing, against what the update learns from."""

from itertools import product

import pytest
from builders import rollout
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.differing import differ, kept_groups
from mtpipe.learn.batching.groups import RolloutGroup, keep_groups
from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.settings.update import Update


def group(rewards: list[float], masked: list[bool], problem: str = "p") -> RolloutGroup:
    rollouts = [rollout([2], problem_id=problem, sample=n) for n in range(len(rewards))]
    return RolloutGroup(problem, rollouts, rewards, frozenset(n for n, dropped in enumerate(masked) if dropped))


@pytest.mark.parametrize("advantage", ["std", "mean", "leave_one_out", "batch_std"])
def test_a_group_differs_where_the_update_learns_something_of_it(advantage):
    """All groups of three responses with three rewards, of which one is the mean of the others, masked or not."""
    settings = Update(advantage=advantage)
    for rewards in product((0.0, 0.5, 1.0), repeat=3):
        for masked in product((False, True), repeat=3):
            [step] = optimizer_steps([group(list(rewards), list(masked))], settings, 4)
            assert differ(rewards, masked) == bool(step.responses), (rewards, masked)


@pytest.mark.parametrize(
    ("rewards", "expected"), [([0.1 + 0.2, 0.3], False), ([1e9, 1e9 + 1], False), ([0, 1e-9], True)]
)
def test_rewards_that_differ_by_rounding_are_equal_as_they_are_for_advantages(rewards, expected):
    [step] = optimizer_steps([group(rewards, [False, False])], Update(advantage="mean"), 4)
    assert differ(rewards, [False, False]) == bool(step.responses) == expected


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 20))
def test_kept_groups_are_the_first_that_differ_filled_up_with_the_first_that_do_not(differing, count):
    kept = kept_groups(differing, count)
    teaching = [place for place, varied in enumerate(differing) if varied]
    filling = [place for place in kept if not differing[place]]
    assert kept == sorted(set(kept))
    assert len(kept) == min(count, len(differing))
    assert [place for place in kept if differing[place]] == teaching[:count]
    assert filling == [place for place, varied in enumerate(differing) if not varied][: len(filling)]
    if len(differing) <= count:
        assert kept == list(range(len(differing))), "without a refill the update gets what it always got"


def test_the_update_gets_the_kept_groups_of_a_round_in_their_order():
    varied, equal, only_masked = ([0.0, 1.0], [False, False]), ([1.0, 1.0], [False, False]), ([0.0, 1.0], [True, True])
    groups = [group(*kind, f"p{n}") for n, kind in enumerate([equal, varied, only_masked, varied, varied])]
    assert [one.problem_id for one in keep_groups(groups, 2)] == ["p1", "p3"]
    assert [one.problem_id for one in keep_groups(groups, 4)] == ["p0", "p1", "p3", "p4"]
    assert [len(keep_groups(groups, n)) for n in range(1, 7)] == [1, 2, 3, 4, 5, 5]
