"""Where the nucleus of a distribution ends, without an order of the whole vocabulary.

A sample of a row's logits says between which two of them the end lies, and only what lies between these is put in
order. The guess is held against exact sums; a row for which it was wrong is put in order as a whole.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mtpipe.sampling.drawing.by_row import Chosen, ascending, block_sums

_SAMPLE = 2048
"""How many logits of a row the guess is made from."""

_DOUBT = 4.0
"""By how many standard deviations of its error the guess is widened, both ways."""

_AT_LEAST = 5
"""So many logits of the sample are within the guess: the largest alone say little of how many are larger."""

_FEW = 8192
"""Where the guess leaves so many likeliest tokens, these are put in order without a second bound."""


class _Rows(NamedTuple):
    """As in `nucleus_end`; `reach` [rows], float64, is the weight that the nucleus has to reach."""

    logits: Tensor
    highest: Tensor
    temperatures: Tensor
    weights: Tensor
    reach: Tensor


def nucleus_end(
    logits: Tensor, highest: Tensor, temperatures: Tensor, weights: Tensor, total: Tensor, top_p: float
) -> tuple[Tensor, Tensor]:
    """The least logit in the nucleus and, of the tokens that have this logit, the last one inside; [rows] each.

    The nucleus is the likeliest tokens, of equal ones those with the lower id first, the fewest that reach `top_p`.

    Args:
        logits: [rows, vocabulary].
        highest, temperatures: [rows].
        weights: [rows, vocabulary], exp((z - highest) / T).
        total: [rows], float64, their sums.
    """
    all_rows = _Rows(logits, highest, temperatures, weights, top_p * total)
    floor, inside, tied, right = _end(all_rows, *_guess(logits, highest, temperatures, (1 - top_p) * total))
    rows = (~right).nonzero().squeeze(1)
    if len(rows):
        most = torch.full_like(highest[rows], math.inf)
        floor[rows], inside[rows], tied[rows], _ = _end(_Rows(*(of_all[rows] for of_all in all_rows)), -most, most)
    last = torch.full_like(inside, logits.shape[1])
    rows = tied.nonzero().squeeze(1)
    if len(rows):
        upto = (logits[rows] == floor[rows, None]).cumsum(-1)
        last[rows] = (upto < inside[rows, None]).sum(-1)
    return floor, last


def _guess(logits: Tensor, highest: Tensor, temperatures: Tensor, outside: Tensor) -> tuple[Tensor, Tensor]:
    """Two logits, [rows] each; the nucleus's least is probably at least the first and below the second.

    Args:
        outside: [rows], the most weight that is left out.
    """
    step = max(1, logits.shape[1] // _SAMPLE)
    sample = ascending(logits[:, ::step])
    weights = ((sample - highest[:, None]) / temperatures[:, None]).double().exp_()
    below = (weights.cumsum(-1) - weights) * step
    doubt = (weights.square_().cumsum(-1) - weights).clamp_(min=0).sqrt_() * (_DOUBT * step)
    outside = outside[:, None]
    count = sample.shape[1]
    first = (below + doubt < outside).sum(-1, keepdim=True).sub_(1).clamp_(0, max(0, count - _AT_LEAST))
    beyond = (below - doubt <= outside).sum(-1, keepdim=True)
    low = sample.gather(1, first).masked_fill_(first == 0, -math.inf)
    high = sample.gather(1, beyond.clamp(max=count - 1))
    high.masked_fill_((beyond == count) | ((count - first) * step <= _FEW), math.inf)
    return low.squeeze(1), high.squeeze(1)


def _end(of: _Rows, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of the tokens with logits from `low` to below `high`, [rows] each: the nucleus's least, how many inside equal it,
    whether more that equal it are outside, and whether the nucleus ends among these tokens at all.
    """
    logits, highest, temperatures, weights, reach = of
    between = logits >= low[:, None]
    above = torch.zeros_like(reach)
    rows = high.isfinite().nonzero().squeeze(1)
    if len(rows):
        below_high = logits[rows] < high[rows, None]
        above[rows] = block_sums(weights[rows].masked_fill_(below_high, 0.0)).sum(-1)
        between[rows] &= below_high
    chosen = Chosen(between)
    values = ascending(chosen.table(logits.flatten()[chosen.flat], -math.inf)).flip(-1)
    shares = ((values - highest[:, None]) / temperatures[:, None]).exp_().double()
    reached = shares.cumsum(-1).add_(above[:, None])
    size = 1 + (reached[:, :-1] < reach[:, None]).sum(-1, keepdim=True)
    floor = values.gather(1, size - 1)
    equal = values == floor
    places = torch.arange(values.shape[1], device=values.device)
    inside = (equal & (places < size)).sum(-1)
    right = (above < reach) & (reached[:, -1] >= reach)
    return floor.squeeze(1), inside, equal.sum(-1) > inside, right
