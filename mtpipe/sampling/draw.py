"""One token a row, drawn from logits: what every sampling engine does with a model's output."""

import math

import torch
from torch import Tensor

from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.rules.rule import NextTokens


def token_entropies(logits: Tensor) -> Tensor:
    """The entropies [rows] in nats of the untempered distributions; logits [rows, vocabulary] may hold -inf."""
    return torch.special.entr(logits.softmax(-1)).sum(-1)


def draw_tokens(
    logits: Tensor, rules: RowTemperatures, positions: Tensor, uniforms: Tensor, top_p: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draws each row's next token by inverting the tempered distribution function at the row's random number.

    Args:
        logits: [rows, vocabulary], untempered, float32.
        positions: [rows], how many tokens each response has so far.
        uniforms: [rows], in [0, 1).
        top_p: truncates the tempered distribution to its nucleus.

    Returns:
        token, log-probability at its temperature, temperature, untempered entropy; each [rows].
    """
    entropies = token_entropies(logits)
    temperatures = rules.at(NextTokens(entropies, positions))
    logprobs = (logits / temperatures[:, None]).log_softmax(-1)
    if top_p < 1:
        logprobs = _nucleus(logprobs, top_p)
    cumulative = logprobs.double().exp().cumsum(-1)
    target = uniforms[:, None] * cumulative[:, -1:]
    tokens = torch.searchsorted(cumulative, target, right=True).clamp_(max=logits.shape[-1] - 1)
    return tokens.squeeze(1), logprobs.gather(1, tokens).squeeze(1), temperatures, entropies


def _nucleus(logprobs: Tensor, top_p: float) -> Tensor:
    """Keeps each row's likeliest tokens, the fewest that together reach `top_p`, and renormalises them.

    Nucleus sampling, arXiv 1904.09751. `logprobs` is [rows, vocabulary]; the others' log-probs become -inf.
    """
    ordered, tokens = logprobs.sort(dim=-1, descending=True, stable=True)
    above = ordered.exp().cumsum(-1) - ordered.exp()
    dropped = torch.zeros_like(logprobs, dtype=torch.bool).scatter_(-1, tokens, above >= top_p)
    return logprobs.masked_fill(dropped, -math.inf).log_softmax(-1)
