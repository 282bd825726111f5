"""Which tokens a truncation keeps of each row of logits."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mtpipe.sampling.drawing.by_row import block_sums
from mtpipe.sampling.drawing.nucleus import nucleus_end
from mtpipe.temperature.truncation import Truncation


class Cut(NamedTuple):
    """What is kept of each row, [rows]: the logits above `floor`, and those at it up to token `last`."""

    floor: Tensor
    last: Tensor

    def kept(self, logits: Tensor) -> Tensor:
        """Bool, as the logits [rows, vocabulary] that the cut was made for."""
        kept = logits >= self.floor[:, None]
        rows = (self.last < logits.shape[1]).nonzero().squeeze(1)
        if len(rows):
            beyond = torch.arange(logits.shape[1], device=logits.device) > self.last[rows, None]
            kept[rows] &= (logits[rows] > self.floor[rows, None]) | ~beyond
        return kept


def find_cut(
    logits: Tensor, highest: Tensor, temperatures: Tensor, weights: Tensor, total: Tensor, truncation: Truncation
) -> Cut:
    """The strictest of the rules that are set; the likeliest token is never left out.

    Args:
        logits: [rows, vocabulary].
        highest, temperatures: [rows].
        weights: [rows, vocabulary], exp((z - highest) / T).
        total: [rows], float64, their sums.
    """
    floor = _floor(logits, highest, temperatures, truncation)
    last = torch.full_like(highest, logits.shape[1], dtype=torch.long)
    if truncation.top_p not in (None, 1):
        at, end = nucleus_end(logits, highest, temperatures, weights, total, truncation.top_p)
        last = torch.where(at >= floor, end, last)
        floor = torch.maximum(at, floor)
    return Cut(floor, last)


def kept_of_few(logits: Tensor, logprobs: Tensor, temperatures: Tensor, truncation: Truncation) -> Tensor:
    """The same as bool [rows, vocabulary], for a small vocabulary; `logprobs` are those of the tempered rows."""
    kept = torch.ones_like(logits, dtype=torch.bool)
    if truncation.top_p not in (None, 1):
        ordered, order = logprobs.sort(dim=-1, descending=True, stable=True)
        shares = ordered.double().exp_()
        kept.scatter_(-1, order, shares.cumsum(-1) - shares < truncation.top_p)
    if truncation.min_p or truncation.top_n_sigma is not None:
        kept &= logits >= _floor(logits, logits.amax(-1), temperatures, truncation)[:, None]
    return kept


def _floor(logits: Tensor, highest: Tensor, temperatures: Tensor, truncation: Truncation) -> Tensor:
    """The least logits [rows] that min-p and top-n-sigma keep."""
    floor = torch.full_like(highest, -math.inf)
    if truncation.min_p:
        floor = highest + temperatures * math.log(truncation.min_p)
    if truncation.top_n_sigma is not None:
        floor = torch.maximum(floor, highest - truncation.top_n_sigma * _deviations(logits, highest))
    return torch.minimum(floor, highest)


def _deviations(logits: Tensor, highest: Tensor) -> Tensor:
    """The standard deviations [rows] of the logits that are finite; 0 where only one is."""
    below = logits - highest[:, None]
    impossible = below == -math.inf
    below.masked_fill_(impossible, 0.0)
    count = logits.shape[1] - impossible.sum(-1)
    mean = block_sums(below).sum(-1) / count
    squares = below.sub_(mean.float()[:, None]).square_().masked_fill_(impossible, 0.0)
    return (block_sums(squares).sum(-1) / (count - 1).clamp(min=1)).sqrt_().float()
