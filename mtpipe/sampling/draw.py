"""One token a row, drawn from logits: what every sampling engine does with a model's output."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.truncation import Truncation


class Drawn(NamedTuple):
    """The next token of each row, [rows], with what it was drawn from.

    `dropped` [rows, vocabulary] marks the tokens that truncation left out; None where nothing is cut.
    """

    tokens: Tensor
    logprobs: Tensor
    temperatures: Tensor
    entropies: Tensor
    dropped: Tensor | None


def token_entropies(logits: Tensor) -> Tensor:
    """The entropies [rows] in nats of the untempered distributions; logits [rows, vocabulary] may hold -inf."""
    return torch.special.entr(logits.softmax(-1)).sum(-1)


def draw_tokens(
    logits: Tensor,
    rules: RowTemperatures,
    positions: Tensor,
    previous: Tensor | None,
    uniforms: Tensor,
    truncation: Truncation,
) -> Drawn:
    """Draws each row's next token by inverting the tempered distribution function at the row's random number.

    Args:
        logits: [rows, vocabulary], untempered, float32.
        positions, previous: [rows], as in RowTemperatures.at.
        uniforms: [rows], in [0, 1).
        truncation: cuts the tempered distribution, which the log-probs are then those of.
    """
    entropies = token_entropies(logits)
    temperatures = rules.at(entropies, positions, previous)
    logprobs = (logits / temperatures[:, None]).log_softmax(-1)
    dropped = None
    if truncation.cuts:
        dropped = left_out(logprobs, truncation)
        logprobs = logprobs.masked_fill(dropped, -math.inf).log_softmax(-1)
    cumulative = logprobs.double().exp().cumsum(-1)
    target = uniforms[:, None] * cumulative[:, -1:]
    tokens = torch.searchsorted(cumulative, target, right=True).clamp_(max=logits.shape[-1] - 1)
    return Drawn(tokens.squeeze(1), logprobs.gather(1, tokens).squeeze(1), temperatures, entropies, dropped)


def left_out(logprobs: Tensor, truncation: Truncation) -> Tensor:
    """The tokens that a truncation drops, bool [rows, vocabulary]; never a row's likeliest.

    Args:
        logprobs: [rows, vocabulary], of the tempered distributions.
    """
    dropped = torch.zeros_like(logprobs, dtype=torch.bool)
    highest = logprobs.amax(-1, keepdim=True)
    if truncation.top_p is not None:
        ordered, tokens = logprobs.sort(dim=-1, descending=True, stable=True)
        above = ordered.exp().cumsum(-1) - ordered.exp()
        dropped.scatter_(-1, tokens, above >= truncation.top_p)
    if truncation.min_p:
        dropped |= logprobs < highest + math.log(truncation.min_p)
    if truncation.top_n_sigma is not None:
        dropped |= logprobs < highest - truncation.top_n_sigma * logprobs.std(-1, keepdim=True)
    return dropped
