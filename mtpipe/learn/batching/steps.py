"""From a round's groups to optimizer steps: each response with its advantage, its weight and its token masks."""

from dataclasses import dataclass, field
from typing import Any

import torch

from mtpipe.learn.batching.advantages import group_advantages
from mtpipe.learn.batching.groups import Group
from mtpipe.learn.batching.token_masks import token_masks
from mtpipe.learn.losses.aggregation import constant, group_token_mean, sequence_mean, token_mean
from mtpipe.settings.update import Update


@dataclass(frozen=True)
class TrainingSample:
    """One response with its advantage and the weight of each of its tokens in the step's loss.

    The lists have an entry for each response token. `behaviour_logprobs` were recorded when it was sampled.
    `round_start_logprobs` are those of the policy that the round starts with, at T=1; `reference_logprobs` those of the
    reference policy, at the target's temperatures; both are empty if the settings need none.
    `surrogate_mask`, `wide_clip_mask` and `kl_mask` are 0 or 1, or empty (`mtpipe.learn.batching.token_masks`).
    `mask_sizes` and `mask_ids` are the columns of a Masks, empty where nothing was cut.
    """

    problem_id: str
    prompt_ids: list[int]
    response_ids: list[int]
    behaviour_logprobs: list[float]
    temperatures: list[float]
    advantage: float
    weight: float = 0.0
    round_start_logprobs: list[float] = field(default_factory=list)
    reference_logprobs: list[float] = field(default_factory=list)
    surrogate_mask: list[float] = field(default_factory=list)
    wide_clip_mask: list[float] = field(default_factory=list)
    kl_mask: list[float] = field(default_factory=list)
    mask_sizes: list[int] = field(default_factory=list)
    mask_ids: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        """Tokens that the model reads for it."""
        return len(self.prompt_ids) + len(self.response_ids)


@dataclass(frozen=True)
class OptimizerStep:
    """The responses of one optimizer step, and what is known of it before it is taken; no responses, no step."""

    groups: int
    responses: list[TrainingSample]
    described: dict[str, float]


def optimizer_steps(groups: list[Group], settings: Update, max_response: int) -> list[OptimizerStep]:
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
        kept = [
            (group, values)
            for group, values, differ in zip(chunk, advantages.tolist(), varied.tolist(), strict=True)
            if differ or (settings.keep_zero_advantage_groups and varied.any())
        ]
        rows = [(row, value) for group, values in kept for row, value in zip(group.rollouts, values, strict=True)]
        weights = token_weights([row for row, _ in rows], settings, max_response) if rows else []
        choices = token_masks([row for row, _ in rows], [value for _, value in rows], settings) if rows else []
        described = {
            "reward": float(rewards.mean()),
            "response_tokens": sum(len(row["response_ids"]) for group in chunk for row in group.rollouts)
            / rewards.numel(),
            "groups_dropped": int((~varied).sum()),
        }
        responses = [
            TrainingSample(
                problem_id=row["problem_id"],
                prompt_ids=row["prompt_ids"],
                response_ids=row["response_ids"],
                behaviour_logprobs=row["behaviour_logprobs"],
                temperatures=row["temperatures"],
                advantage=advantage,
                weight=weight,
                mask_sizes=row["mask_sizes"],
                mask_ids=row["mask_ids"],
                **chosen,
            )
            for (row, advantage), weight, chosen in zip(rows, weights, choices, strict=True)
        ]
        steps.append(OptimizerStep(len(chunk), responses, described))
    return steps


def token_weights(rows: list[dict[str, Any]], settings: Update, max_response: int) -> list[float]:
    """The weight of each response's tokens under `update.loss`; `rows` are those of records.ROLLOUTS."""
    lengths = [len(row["response_ids"]) for row in rows]
    match settings.loss:
        case "grpo" | "gspo":
            return sequence_mean(lengths)
        case "dapo" | "cispo":
            return token_mean(lengths)
        case "bnpo":
            return group_token_mean(lengths, [row["problem_id"] for row in rows])
        case "dr_grpo":
            return constant(lengths, max_response)
