"""Where the nucleus of a distribution ends, without an order of the whole vocabulary where that can be had."""

import numpy as np
import torch
from torch import Tensor

_LARGEST = (128, 4096)
"""How many logits are put in order, at first and then; rows whose nucleus does not end among them are sorted."""


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
    vocabulary = logits.shape[1]
    values = logits.topk(min(_LARGEST[0], vocabulary), dim=-1).values
    floor, equal, ends, tied = _end(values, highest, temperatures, total, top_p)
    for count in (_LARGEST[1], vocabulary):
        rows = (~ends).nonzero().squeeze(1)
        if not len(rows) or vocabulary <= _LARGEST[0]:
            break
        values = logits[rows].topk(count, dim=-1).values if count < vocabulary else _descending(logits[rows])
        floor[rows], equal[rows], ends[rows], tied[rows] = _end(
            values, highest[rows], temperatures[rows], total[rows], top_p
        )
    last = torch.full_like(equal, logits.shape[1])
    rows = tied.nonzero().squeeze(1)
    if len(rows):
        upto = (logits[rows] == floor[rows, None]).cumsum(-1)
        last[rows] = (upto < equal[rows, None]).sum(-1)
    return floor, last


def _end(
    values: Tensor, highest: Tensor, temperatures: Tensor, total: Tensor, top_p: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of the largest logits in descending order, [rows] each: the nucleus's least, how many inside equal it,
    whether it ends before the last of them, and whether more that equal the least are outside.
    """
    below = (values - highest[:, None]).div_(temperatures[:, None])
    shares = below.exp_().double().div_(total[:, None])
    size = 1 + (shares.cumsum(-1)[:, :-1] < top_p).sum(-1, keepdim=True)
    floor = values.gather(1, size - 1)
    places = torch.arange(values.shape[1], device=values.device)
    equal = values == floor
    inside = (equal & (places < size)).sum(-1)
    return floor.squeeze(1), inside, (size < values.shape[1]).squeeze(1), equal.sum(-1) > inside


def _descending(values: Tensor) -> Tensor:
    """The values of each row in order; on a CPU by NumPy, which orders values alone many times faster."""
    if values.device.type != "cpu":
        return values.sort(dim=-1, descending=True).values
    return torch.from_numpy(np.sort(values.numpy(), axis=-1)).flip(-1)
