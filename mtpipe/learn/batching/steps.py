"""From a round's groups to optimizer steps: each response with its advantage, its weight and its token masks."""

from dataclasses import dataclass, field

import torch

from mtpipe.learn.batching.advantages import group_advantages
from mtpipe.learn.batching.groups import RolloutGroup
from mtpipe.learn.batching.token_masks import token_masks
from mtpipe.learn.losses.aggregation import response_weights
from mtpipe.records import Rollout
from mtpipe.settings.losses import loss_kind
from mtpipe.settings.update import Update


@dataclass(frozen=True)
class TrainingSample:
    """One response with its advantage and the weight of each of its tokens in the step's loss.

    The lists have an entry for each response token, or are empty if the settings need none.

    Attributes:
        round_start_logprobs: of the policy that the round starts with, as the update computes it, at the target's
            temperatures (nats).
        log_mismatch: log w of `mtpipe.learn.losses.mismatch`, at the temperatures of sampling whatever the target.
        reference_logprobs: of the reference policy, at the target's temperatures (nats).
        surrogate_mask, wide_clip_mask, kl_mask: 0 or 1 (`mtpipe.learn.batching.token_masks`).
    """

    rollout: Rollout
    advantage: float
    weight: float = 0.0
    round_start_logprobs: list[float] = field(default_factory=list)
    log_mismatch: list[float] = field(default_factory=list)
    reference_logprobs: list[float] = field(default_factory=list)
    surrogate_mask: list[float] = field(default_factory=list)
    wide_clip_mask: list[float] = field(default_factory=list)
    kl_mask: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        """Tokens that the model reads for it."""
        return len(self.rollout)


@dataclass(frozen=True)
class OptimizerStep:
    """The responses of one optimizer step, and what is known before it is taken. Without responses no step is taken."""

    groups: int
    responses: list[TrainingSample]
    described: dict[str, float]


def optimizer_steps(groups: list[RolloutGroup], settings: Update, max_response: int) -> list[OptimizerStep]:
    """Steps of `prompts_per_step` groups each, in order.

    Groups without any advantage are left out and counted. With `keep_zero_advantage_groups` they count in the
    loss's denominator. A step where no response has an advantage has no responses.

    Args:
        max_response: tokens; sampling.max_new_tokens.
    """
    steps = []
    for start in range(0, len(groups), settings.prompts_per_step):
        chunk = groups[start : start + settings.prompts_per_step]
        rewards = torch.tensor([group.rewards for group in chunk], dtype=torch.float64)
        compared = [group.base for group in chunk] if settings.baseline == "temperature" else None
        advantages, varied = group_advantages(rewards, settings.advantage, compared)
        teaching = torch.tensor([[i not in group.masked for i in range(len(group.rollouts))] for group in chunk])
        varied &= ((advantages != 0) & teaching).any(1)
        kept = [
            (group, values)
            for group, values, differ in zip(chunk, advantages.tolist(), varied.tolist(), strict=True)
            if differ or (settings.keep_zero_advantage_groups and varied.any())
        ]
        pairs = [
            (rollout, value)
            for group, values in kept
            for rollout, value in zip(group.rollouts, values, strict=True)
            if rollout.sample not in group.masked
        ]
        rollouts = [rollout for rollout, _ in pairs]
        weights = token_weights(rollouts, settings, max_response) if pairs else []
        masks = token_masks(rollouts, [value for _, value in pairs], settings) if pairs else []
        described = {
            "reward": float(rewards.mean()),
            "response_tokens": sum(len(rollout.response_ids) for group in chunk for rollout in group.rollouts)
            / rewards.numel(),
            "groups_dropped": int((~varied).sum()),
        }
        responses = [
            TrainingSample(rollout, advantage, weight, **of_response)
            for (rollout, advantage), weight, of_response in zip(pairs, weights, masks, strict=True)
        ]
        steps.append(OptimizerStep(len(chunk), responses, described))
    return steps


def token_weights(rollouts: list[Rollout], settings: Update, max_response: int) -> list[float]:
    """The weight of each response's tokens under `update.loss`."""
    lengths = [len(rollout.response_ids) for rollout in rollouts]
    problems = [rollout.problem_id for rollout in rollouts]
    return response_weights(loss_kind(settings.loss).weights, lengths, problems, max_response)
