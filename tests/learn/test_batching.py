"""From rollouts and verdicts to groups, from groups to steps, and from a step's responses to micro-batches."""

import random

import pytest
from builders import rollout
from updating import GROUP_SIZE

from mtpipe.errors import MtpipeError
from mtpipe.learn.batching.groups import RolloutGroup, join_groups
from mtpipe.learn.batching.micro_batches import micro_batches
from mtpipe.learn.batching.steps import TrainingSample, optimizer_steps


def test_a_response_without_verdict_and_an_incomplete_group_are_refused(groups):
    rollouts = [row for group in groups for row in group.rollouts]
    verdicts = [
        {"problem_id": group.problem_id, "sample": index, "reward": reward}
        for group in groups
        for index, reward in enumerate(group.rewards)
    ]
    with pytest.raises(MtpipeError, match="no verdict"):
        join_groups(rollouts, verdicts[1:], GROUP_SIZE)
    with pytest.raises(MtpipeError, match="expected 0 to 3"):
        join_groups(rollouts[1:], verdicts, GROUP_SIZE)


def test_a_flat_group_counts_in_the_denominator_only_where_asked(policy, groups, settings):
    rewards = [[1.0] * GROUP_SIZE, *[[1.0, 0.0] * (GROUP_SIZE // 2)] * 2]
    flat = [RolloutGroup(one.problem_id, one.rollouts, own) for one, own in zip(groups[:3], rewards, strict=True)]
    dropped, kept = (
        optimizer_steps(flat, settings.model_copy(update={"keep_zero_advantage_groups": keep}), 16)[0]
        for keep in (False, True)
    )
    assert len(kept.responses) == len(dropped.responses) + GROUP_SIZE
    assert kept.responses[-1].weight < dropped.responses[-1].weight


def test_a_masked_response_counts_in_its_groups_baseline_and_in_no_loss(policy, groups, settings):
    rewards = [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]]
    plain, masked = (
        [
            RolloutGroup(one.problem_id, one.rollouts, own, hidden)
            for one, own, hidden in zip(groups[:2], rewards, (frozenset(first), frozenset()), strict=True)
        ]
        for first in ((), (0, 2))
    )
    before, after = (optimizer_steps(each, settings, 16)[0] for each in (plain, masked))
    kept = [one for index, one in enumerate(before.responses) if index not in (0, 2)]
    assert [(one.rollout, one.advantage) for one in after.responses] == [(one.rollout, one.advantage) for one in kept]
    assert all(one.weight > former.weight for one, former in zip(after.responses, kept, strict=True))
    everything = frozenset(range(GROUP_SIZE))
    none = [
        RolloutGroup(one.problem_id, one.rollouts, own, everything)
        for one, own in zip(groups[:2], rewards, strict=True)
    ]
    (step,) = optimizer_steps(none, settings, 16)
    assert (step.responses, step.described["groups_dropped"]) == ([], 2)


def test_micro_batches_hold_every_response_once_and_stay_within_their_tokens():
    responses = [TrainingSample(rollout([1] * n, [1] * 3, problem_id=str(n)), 1.0) for n in (9, 1, 30, 5, 2, 12)]
    batches = list(micro_batches(responses, tokens=30))
    assert sorted(id(one) for batch in batches for one in batch) == sorted(map(id, responses))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(3 + len(one.rollout.response_ids) for one in batch) <= 30


def lengths_of_rollouts(count: int, longest: int) -> list[TrainingSample]:
    generator = random.Random(0)
    lengths = [max(4, min(longest, round(generator.lognormvariate(6.0, 0.9)))) for _ in range(count)]
    return [TrainingSample(rollout([1] * n, [1] * generator.randrange(40, 200)), 1.0) for n in lengths]


@pytest.mark.parametrize("tokens", [4096, 16384, 65536])
def test_padding_stays_below_a_tenth_of_what_is_computed(tokens):
    responses = lengths_of_rollouts(512, longest=4096)
    batches = list(micro_batches(responses, tokens))
    computed = sum(max(map(len, batch)) * len(batch) for batch in batches)
    assert 1 - sum(map(len, responses)) / computed < 0.10
