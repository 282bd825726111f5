"""Where the nucleus of a distribution ends, without an order of the whole vocabulary where that can be had."""

import numpy as np
import torch
from torch import Tensor

_LARGEST = 128
"""Logits that are put in order at first; a language model's nucleus is nearly always among them."""

_PIECE = 128
"""Neighbouring logits of which only the highest is looked at first."""


def nucleus_end(
    logits: Tensor, highest: Tensor, temperatures: Tensor, total: Tensor, top_p: float
) -> tuple[Tensor, Tensor]:
    """The least logit in the nucleus and, of the tokens that have this logit, the last one inside; [rows] each.

    The nucleus is the likeliest tokens, of equal ones those with the lower id first, the fewest that reach `top_p`.

    Args:
        logits: [rows, vocabulary].
        highest, temperatures: [rows].
        total: [rows], float64, the sums of exp((z - highest) / T).
    """
    count = min(_LARGEST, logits.shape[1])
    values = _largest(logits, count)
    floor, equal, size, tied = _end(values, highest, temperatures, total, top_p)
    outside = (size == count).nonzero().squeeze(1)
    if len(outside) and count < logits.shape[1]:
        of_rows = highest[outside], temperatures[outside], total[outside]
        floor[outside], equal[outside], _, tied[outside] = _end(_descending(logits[outside]), *of_rows, top_p)
    last = torch.full_like(equal, logits.shape[1])
    rows = tied.nonzero().squeeze(1)
    if len(rows):
        upto = (logits[rows] == floor[rows, None]).cumsum(-1)
        last[rows] = (upto < equal[rows, None]).sum(-1)
    return floor, last


def _end(
    values: Tensor, highest: Tensor, temperatures: Tensor, total: Tensor, top_p: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of the largest logits in descending order, [rows] each: the nucleus's least, how many inside equal it, the
    nucleus's size as far as it is seen here, and whether more that equal the least are outside.
    """
    below = (values - highest[:, None]).div_(temperatures[:, None])
    shares = below.exp_().double().div_(total[:, None])
    size = 1 + (shares.cumsum(-1)[:, :-1] < top_p).sum(-1, keepdim=True)
    floor = values.gather(1, size - 1)
    places = torch.arange(values.shape[1], device=values.device)
    equal = values == floor
    inside = (equal & (places < size)).sum(-1)
    return floor.squeeze(1), inside, size.squeeze(1), equal.sum(-1) > inside


def _largest(logits: Tensor, count: int) -> Tensor:
    """The largest logits [rows, count] of each row in descending order.

    They lie in the `count` pieces with the highest maxima: a logit elsewhere has as many above it or equal to it.
    """
    pieces = logits.shape[1] // _PIECE
    if pieces <= count:
        return logits.topk(count, dim=-1).values
    whole = logits[:, : pieces * _PIECE].unflatten(1, (pieces, _PIECE))
    best = whole.amax(-1).topk(count, dim=-1).indices
    candidates = whole.gather(1, best[..., None].expand(-1, -1, _PIECE)).flatten(1)
    return torch.cat([candidates, logits[:, pieces * _PIECE :]], 1).topk(count, dim=-1).values


def _descending(values: Tensor) -> Tensor:
    """The values of each row in order; on a CPU by NumPy, which orders values alone many times faster."""
    if values.device.type != "cpu":
        return values.sort(dim=-1, descending=True).values
    return torch.from_numpy(np.sort(values.numpy(), axis=-1)).flip(-1)
