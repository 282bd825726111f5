"""The draw as it was before the logits were read twice: the peer that `benchmarks.draw` measures against."""

import math

import torch
from torch import Tensor

from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.truncation import Truncation


def former_draw(
    logits: Tensor,
    rules: RowTemperatures,
    positions: Tensor,
    previous: Tensor | None,
    uniforms: Tensor,
    truncation: Truncation,
) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, log-probs and temperatures, [rows] each; arguments as in `mtpipe.sampling.drawing.draw.draw_tokens`."""
    entropies = torch.special.entr(logits.softmax(-1)).sum(-1)
    temperatures = rules.at(entropies, positions, previous)
    logprobs = (logits / temperatures[:, None]).log_softmax(-1)
    if truncation.cuts:
        logprobs = logprobs.masked_fill(_left_out(logprobs, truncation), -math.inf).log_softmax(-1)
    cumulative = logprobs.double().exp().cumsum(-1)
    target = uniforms[:, None] * cumulative[:, -1:]
    tokens = torch.searchsorted(cumulative, target, right=True).clamp_(max=logits.shape[-1] - 1)
    return tokens.squeeze(1), logprobs.gather(1, tokens).squeeze(1), temperatures


def _left_out(logprobs: Tensor, truncation: Truncation) -> Tensor:
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
