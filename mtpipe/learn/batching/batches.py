"""From a round's groups to optimizer steps, and from a step's responses to micro-batches of similar length."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from mtpipe.learn.batching.advantages import group_advantages
from mtpipe.learn.batching.groups import Group
from mtpipe.learn.batching.token_masks import token_choices
from mtpipe.learn.losses.aggregation import constant, group_token_mean, sequence_mean, token_mean
from mtpipe.settings.update import Update

PADDING = 0.08
"""Share of a micro-batch's computed tokens that may be padding."""


@dataclass(frozen=True)
class Scored:
    """One response with its advantage and the weight of each of its tokens in the step's loss.

    The lists have an entry for each response token. `start` and `reference` are log-probs that other weights give it:
    at T=1 those of the policy that the round starts with, and at the target's temperatures those of the reference;
    empty where the settings need none. `kept`, `reasoning` and `held` are 0 or 1, or empty
    (`mtpipe.learn.batching.token_masks`).
    `mask_sizes` and `mask_ids` are the columns of a Masks, empty where nothing was cut.
    """

    problem_id: str
    prompt_ids: list[int]
    response_ids: list[int]
    logprobs: list[float]
    temperatures: list[float]
    advantage: float
    weight: float = 0.0
    start: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    reasoning: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    mask_sizes: list[int] = field(default_factory=list)
    mask_ids: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        """Tokens that the model reads for it."""
        return len(self.prompt_ids) + len(self.response_ids)


@dataclass(frozen=True)
class Step:
    """The responses of one optimizer step, and what is known of it before it is taken; no responses, no step."""

    groups: int
    responses: list[Scored]
    described: dict[str, float]


def optimizer_steps(groups: list[Group], settings: Update, max_response: int) -> list[Step]:
    """Steps of `prompts_per_step` groups each, in order.

    Groups without any advantage are left out and counted, also in every denominator; with `keep_flat_groups` they
    count in it. A step where no response has an advantage has no responses.

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
            if differ or (settings.keep_flat_groups and varied.any())
        ]
        rows = [(row, value) for group, values in kept for row, value in zip(group.rollouts, values, strict=True)]
        weights = token_weights([row for row, _ in rows], settings, max_response) if rows else []
        choices = token_choices([row for row, _ in rows], [value for _, value in rows], settings) if rows else []
        described = {
            "reward": float(rewards.mean()),
            "response_tokens": sum(len(row["response_ids"]) for group in chunk for row in group.rollouts)
            / rewards.numel(),
            "groups_dropped": int((~varied).sum()),
        }
        responses = [
            Scored(
                problem_id=row["problem_id"],
                prompt_ids=row["prompt_ids"],
                response_ids=row["response_ids"],
                logprobs=row["logprobs"],
                temperatures=row["temperatures"],
                advantage=advantage,
                weight=weight,
                mask_sizes=row["mask_sizes"],
                mask_ids=row["mask_ids"],
                **chosen,
            )
            for (row, advantage), weight, chosen in zip(rows, weights, choices, strict=True)
        ]
        steps.append(Step(len(chunk), responses, described))
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


def micro_batches(responses: list[Scored], tokens: int) -> Iterator[list[Scored]]:
    """Batches of similar length: within `tokens`, padding included, and with at most `PADDING` of padding.

    A response longer than `tokens` makes a batch of its own.
    """
    return _batches(responses, tokens, len, PADDING)


@dataclass(frozen=True)
class Portion:
    """Micro-batches that are run one after the other, each with the factor that its loss is multiplied by.

    With `prompts`, the model reads these beforehand, once each, and the batches' tokens are those of responses alone.
    """

    batches: list[tuple[list[Scored], int]]
    prompts: list[list[int]] = field(default_factory=list)


def portions(responses: list[Scored], tokens: int, share_prompts: bool) -> list[Portion]:
    """All responses in micro-batches; with `share_prompts` a prompt and all its responses are in one portion.

    Prompts take at most half of `tokens` (or there is one alone), and a batch of responses what they leave.
    """
    if not share_prompts:
        return [Portion([(batch, 1) for batch in micro_batches(responses, tokens)])]
    found = []
    by_prompt = responses_by_prompt(responses)
    for prompts in _batches(by_prompt, tokens // 2, len, padding=1.0):
        theirs = [response for prompt in prompts for response in by_prompt[prompt]]
        left = tokens - len(prompts) * len(prompts[-1])
        batches = _batches(theirs, left, lambda one: len(one.response_ids), PADDING)
        found.append(Portion([(batch, 1) for batch in batches], [list(prompt) for prompt in prompts]))
    return found


def responses_by_prompt(responses: list[Scored]) -> dict[tuple[int, ...], list[Scored]]:
    """The responses to each prompt."""
    found: dict[tuple[int, ...], list[Scored]] = {}
    for response in responses:
        found.setdefault(tuple(response.prompt_ids), []).append(response)
    return found


_Item = TypeVar("_Item")


def _batches(
    items: Iterable[_Item], tokens: int, length: Callable[[_Item], int], padding: float
) -> Iterator[list[_Item]]:
    """Batches in the order of length, within `tokens` and with at most the share `padding` of padding."""
    batch: list[_Item] = []
    held = 0
    for item in sorted(items, key=length):
        size = (len(batch) + 1) * length(item)
        if batch and (size > tokens or size - held - length(item) > padding * size):
            yield batch
            batch, held = [], 0
        batch.append(item)
        held += length(item)
    if batch:
        yield batch
