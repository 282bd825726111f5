"""Rollouts of a tiny policy in groups, and settings for a few quick steps."""

import copy

import pytest
from updating import sampled_groups

from mtpipe.learn.batching.groups import RolloutGroup


@pytest.fixture(scope="session")
def groups_once(loaded_policy) -> list[RolloutGroup]:
    return sampled_groups(loaded_policy)


@pytest.fixture
def groups(groups_once) -> list[RolloutGroup]:
    """Real rollouts at two temperatures within each response; a reward for an even number of tokens."""
    return copy.deepcopy(groups_once)


@pytest.fixture
def settings(params):
    return params.update.model_copy(
        update={"prompts_per_step": 3, "warmup_steps": 1, "learning_rate": 1e-3, "weight_decay": 0.0}
    )
