"""Updates of a small policy from real rollouts, as the tests of learn/ use them."""

import copy
from collections.abc import Callable

import torch
from builders import judged
from tqdm import tqdm

from mtpipe.learn.batching.groups import RolloutGroup, join_groups
from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.update import update_policy
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.torch_engine import sample
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.rules.rule import ResolvedRule

GROUP_SIZE = 4
PROMPTS = ["2+9*3-4>", "1+2>", "3*3*3>", "7-5+1>", "8-1>", "4*4+4>"]
RULE = ResolvedEntropyThreshold(low=0.8, high=1.4, threshold=2.2)


def sampled_groups(
    policy,
    rule: ResolvedRule = RULE,
    prompts: list[str] = PROMPTS,
    right: Callable[[Rollout], bool] | None = None,
    explorers: int = 0,
    **plan,
) -> list[RolloutGroup]:
    """Real rollouts in groups; without `right`, an even number of tokens is rewarded."""
    requests = [
        Request(prompt, index, policy.encode(prompt), 1.0, rule, index >= GROUP_SIZE - explorers)
        for prompt in prompts
        for index in range(GROUP_SIZE)
    ]
    rollouts = list(sample(policy, requests, SamplingPlan(0, "round 0", max_new_tokens=16, batch_size=100, **plan)))
    return join_groups(rollouts, judged(rollouts, right), GROUP_SIZE)


def update(policy, groups, settings, learner: Learner | None = None, reference=None) -> list[dict[str, float]]:
    """The metrics of an update's steps; without a learner, one with a new optimizer takes them."""
    learner = learner or Learner.of(policy, settings, reference=reference)
    return update_policy(learner, optimizer_steps(groups, settings, max_response=16), tqdm(disable=True))


def weights(policy) -> torch.Tensor:
    """All of a policy's weights, flat."""
    return torch.cat([parameter.detach().flatten().clone() for parameter in policy.model.parameters()])


def with_rollouts(groups: list[RolloutGroup], change: Callable[[Rollout], None]) -> list[RolloutGroup]:
    """Copies of the groups with each rollout changed in place."""
    copies = copy.deepcopy(groups)
    for group in copies:
        for rollout in group.rollouts:
            change(rollout)
    return copies
