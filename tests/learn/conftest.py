"""Rollouts of a tiny policy in groups, and settings for a few quick steps."""

import pytest
from updating import sampled_groups

from mtpipe.learn.batching.groups import RolloutGroup


@pytest.fixture
def groups(policy) -> list[RolloutGroup]:
    """Real rollouts at two temperatures within each response; a reward for an even number of tokens."""
    return sampled_groups(policy)


@pytest.fixture
def settings(params):
    return params.update.model_copy(
        update={"prompts_per_step": 3, "warmup_steps": 1, "learning_rate": 1e-3, "weight_decay": 0.0}
    )
