"""From a step's responses to micro-batches of similar length."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from mtpipe.learn.batching.steps import TrainingSample

PADDING = 0.08
"""Share of a micro-batch's computed tokens that may be padding."""


def micro_batches(responses: list[TrainingSample], tokens: int) -> Iterator[list[TrainingSample]]:
    """Batches of similar length: within `tokens`, padding included, and with at most `PADDING` of padding.

    A response longer than `tokens` makes a batch of its own.
    """
    return _batches(responses, tokens, len, PADDING)


@dataclass(frozen=True)
class PromptBatch:
    """Micro-batches that are run one after the other, each with the factor that its loss is multiplied by.

    With `prompts`, the model reads these beforehand, once each, and the batches' tokens are those of responses alone.
    """

    batches: list[tuple[list[TrainingSample], int]]
    prompts: list[list[int]] = field(default_factory=list)


def prompt_batches(responses: list[TrainingSample], tokens: int, share_prompts: bool) -> list[PromptBatch]:
    """All responses in micro-batches; with `share_prompts` a prompt and all its responses are in one prompt_batch.

    Prompts take at most half of `tokens` (or there is one alone), and a batch of responses what they leave.
    """
    if not share_prompts:
        return [PromptBatch([(batch, 1) for batch in micro_batches(responses, tokens)])]
    found = []
    by_prompt = responses_by_prompt(responses)
    for prompts in _batches(by_prompt, tokens // 2, len, padding=1.0):
        theirs = [response for prompt in prompts for response in by_prompt[prompt]]
        left = tokens - len(prompts) * len(prompts[-1])
        batches = _batches(theirs, left, lambda one: len(one.rollout.response_ids), PADDING)
        found.append(PromptBatch([(batch, 1) for batch in batches], [list(prompt) for prompt in prompts]))
    return found


def responses_by_prompt(responses: list[TrainingSample]) -> dict[tuple[int, ...], list[TrainingSample]]:
    """The responses to each prompt."""
    found: dict[tuple[int, ...], list[TrainingSample]] = {}
    for response in responses:
        found.setdefault(tuple(response.rollout.prompt_ids), []).append(response)
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
