"""Prompts that a model reads once for all responses to them.

The model reads the distinct prompts of a PromptBatch and keeps their keys and values; responses, in micro-batches of
similar length as ever, go on from there. Gradients that responses send back into the prompts add up until its last
micro-batch is done, and then go through the prompts once. Values and gradients are those of prompts that are repeated
for each response, up to rounding.

    prompts = SharedPrompts(scorer, prompt_batch.prompts, precision)
    for each batch:  loss(scorer(prompts.sequences(batch), …)).backward()
    prompts.backward()
"""

import inspect
from collections.abc import Iterator
from dataclasses import replace

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from mtpipe.errors import MtpipeError
from mtpipe.learn.batching.micro_batches import PromptBatch, prompt_batches, responses_by_prompt
from mtpipe.learn.batching.steps import TrainingSample
from mtpipe.learn.scoring.scorer import PRECISIONS, Scorer
from mtpipe.learn.scoring.sequences import Context, Sequences, pad
from mtpipe.model.probe import probe_tokens
from mtpipe.records import Rollout
from mtpipe.settings.update import Update

SAVED = 0.3
"""With `update.share_prompts: auto`, the share of a step's tokens that has to be repeated prompts. Responses that go on
from a cache attend with a mask, at up to twice the cost of causal attention; that can outweigh a smaller share."""


_ALIKE = 1e-3
"""Log-probs may differ by this much of their standard deviation, which is far beyond rounding."""


class SharedPrompts:
    """Prompts that `scorer` has read. With gradient, `backward` has to be called after the last use."""

    def __init__(self, scorer: Scorer, prompts: list[list[int]], precision: torch.dtype):
        self._row = {tuple(prompt): index for index, prompt in enumerate(prompts)}
        self._device = scorer.model.device
        given = pad([[] for _ in prompts], prompts, self._device).ids
        self._lengths = torch.tensor([len(prompt) for prompt in prompts], device=self._device)
        self._read = scorer.read(given, self._lengths, precision)
        self._given_on = [tensor.detach().requires_grad_(tensor.requires_grad) for tensor in self._read]

    def sequences(self, batch: list[TrainingSample]) -> Sequences:
        """Lays the responses out for one forward pass, with their prompts as its context."""
        laid_out = pad([[] for _ in batch], [one.rollout.response_ids for one in batch], self._device)
        rows = torch.tensor([self._row[tuple(one.rollout.prompt_ids)] for one in batch], device=self._device)
        lengths = self._lengths[rows, None]
        prompt_columns = torch.arange(int(lengths.max()), device=self._device)
        columns = torch.arange(laid_out.ids.shape[1], device=self._device)
        ends = torch.tensor([[len(one.rollout.response_ids)] for one in batch], device=self._device)
        last, *states = self._given_on
        cache = DynamicCache()
        chosen = [state[:, :, : len(prompt_columns)].index_select(0, rows) for state in states]
        for layer, (keys, values) in enumerate(zip(chosen[::2], chosen[1::2], strict=True)):
            cache.update(keys, values, layer)
        mask = torch.cat([prompt_columns < lengths, columns < ends], dim=1).long()
        return replace(laid_out, context=Context(cache, last[rows], lengths + columns, mask))

    def backward(self) -> None:
        """Back-propagates the gradients accumulated on the cached prompt states into the model's parameters."""
        with_gradient = [pair for pair in zip(self._read, self._given_on, strict=True) if pair[0].requires_grad]
        torch.autograd.backward([read for read, _ in with_gradient], [given.grad for _, given in with_gradient])


def read_prompts(scorer: Scorer, prompt_batch: PromptBatch, settings: Update) -> SharedPrompts | None:
    """The prompt_batch's prompts, where its responses share them."""
    return SharedPrompts(scorer, prompt_batch.prompts, PRECISIONS[settings.precision]) if prompt_batch.prompts else None


def lay_out(batch: list[TrainingSample], prompts: SharedPrompts | None, device: torch.device) -> Sequences:
    """The batch for one forward pass, after prompts that were read or together with its own."""
    if prompts is not None:
        return prompts.sequences(batch)
    return pad([one.rollout.prompt_ids for one in batch], [one.rollout.response_ids for one in batch], device)


def laid_out(
    scorer: Scorer, responses: list[TrainingSample], settings: Update
) -> Iterator[tuple[list[TrainingSample], Sequences]]:
    """All responses in micro-batches and their layout, for passes without gradient."""
    share_prompts = shares_prompts(scorer, responses, settings)
    for prompt_batch in prompt_batches(responses, settings.tokens_per_micro_batch, share_prompts):
        prompts = read_prompts(scorer, prompt_batch, settings)
        for batch, _ in prompt_batch.batches:
            yield batch, lay_out(batch, prompts, scorer.model.device)


def shares_prompts(scorer: Scorer, responses: list[TrainingSample], settings: Update, processes: int = 1) -> bool:
    """Whether the responses' prompts are read once for all of them, by `update.share_prompts`.

    `auto` does so where at least `SAVED` of the tokens are repeated prompts, every process has a prompt, and both the
    model and the settings allow it.

    Raises MtpipeError if it is set to true and the model's attention does not reach back to all of a prompt.
    """
    if settings.share_prompts == "auto":
        prompts = responses_by_prompt(responses)
        tokens = sum(map(len, responses))
        once = sum(map(len, prompts)) + sum(len(one.rollout.response_ids) for one in responses)
        pays = tokens - once >= SAVED * tokens and len(prompts) >= processes
        return pays and not settings.gradient_checkpointing and can_share(scorer)
    if settings.share_prompts and not can_share(scorer):
        raise MtpipeError(
            f"update.share_prompts is true, but {type(scorer.model).__name__} keeps more, or less, of a prompt than "
            f"its keys and values; set it to auto or false"
        )
    return settings.share_prompts


def can_share(scorer: Scorer) -> bool:
    """Whether all that a model keeps of a prompt are keys and values of all its tokens: no window, no other state.

    Its configuration has to say so, and a few tokens have to score alike with prompts that were read before; this is
    tried once for each scorer.
    """
    if scorer.can_share is None:
        scorer.can_share = _keeps_keys_and_values(scorer) and _scores_alike(scorer)
    return scorer.can_share


def _keeps_keys_and_values(scorer: Scorer) -> bool:
    config = scorer.model.config.get_text_config()
    windows = [value for name, value in config.to_dict().items() if name.endswith(("window", "window_size"))]
    taken = inspect.signature(scorer.head.body.forward).parameters
    return (
        {"attention_mask", "position_ids", "past_key_values"} <= taken.keys()
        and all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)
        and all(value is None or value is False for value in windows)
    )


@torch.no_grad()
def _scores_alike(scorer: Scorer) -> bool:
    tokens = probe_tokens(scorer.model, 14)
    batch = []
    for prompt, response in ((tokens[:6], tokens[6:8]), (tokens[8:11], tokens[11:])):
        batch.append(TrainingSample(Rollout("", 0, 1.0, prompt, response), advantage=0.0))
    temperatures = torch.ones(5, device=scorer.model.device)
    try:
        prompts = SharedPrompts(scorer, [one.rollout.prompt_ids for one in batch], torch.float32)
        read_once, repeated = (
            scorer(lay_out(batch, shared, scorer.model.device), temperatures, torch.float32).untempered
            for shared in (prompts, None)
        )
    except torch.OutOfMemoryError:
        raise
    except Exception:  # whatever a model makes of a cache that it did not make itself
        return False
    return bool((read_once - repeated).abs().max() < _ALIKE * repeated.std())
