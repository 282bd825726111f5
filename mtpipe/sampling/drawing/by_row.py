"""Sums, orders and searches along the rows of a batch, whose results for a row depend on that row alone."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

BLOCK = 1024
"""Entries that are summed in float32; sums of blocks are added in float64."""

_BELOW_ONE = 1 - 2.0**-52
"""So that no product with a share is rounded up to the whole, beyond which there is nothing."""


def block_sums(values: Tensor) -> Tensor:
    """Sums by blocks, float64 [rows, blocks], of float32 [rows, places]; the last block holds what is left over.

    One sum over all of a row would be cut up among threads, and so rounded otherwise, where the batch has one row.
    """
    places = values.shape[1]
    whole = places // BLOCK * BLOCK
    sums = values[:, :whole].unflatten(1, (-1, BLOCK)).sum(-1)
    if whole < places:
        sums = torch.cat([sums, values[:, whole:].sum(-1, keepdim=True)], 1)
    return sums.double()


def first_above(cumulative: Tensor, shares: Tensor) -> Tensor:
    """The first place [rows, 1] whose cumulative sum [rows, places] exceeds a share [rows, 1] of the whole.

    That place has weight, for any share from 0 to 1. Where a sum is NaN, it is the last one.
    """
    found = torch.searchsorted(cumulative, shares * (cumulative[:, -1:] * _BELOW_ONE), right=True)
    return found.clamp_(max=cumulative.shape[1] - 1)


def invert(sums: Tensor, places: int, weights_at: Callable[[Tensor], Tensor], shares: Tensor) -> tuple[Tensor, Tensor]:
    """Of each row the place where its cumulative weights exceed a share of the whole, and the whole; [rows] each.

    Args:
        sums: [rows, blocks], float64, the weights' sums by blocks.
        places: how many each row has.
        weights_at: from places [rows, BLOCK] to their weights.
        shares: [rows], float64, in [0, 1).
    """
    upto = sums.cumsum(-1)
    block = first_above(upto, shares[:, None])
    own = sums.gather(1, block)
    within = ((shares[:, None] * upto[:, -1:] - (upto.gather(1, block) - own)) / own).clamp_(0, 1)
    index = block * BLOCK + torch.arange(BLOCK, device=sums.device)
    beyond = index >= places
    entries = weights_at(index.clamp_(max=places - 1)).double().masked_fill_(beyond, 0.0)
    found = (block * BLOCK + first_above(entries.cumsum(-1), within)).clamp_(max=places - 1)  # NaN is beyond
    return found.squeeze(1), upto[:, -1]


def ascending(values: Tensor) -> Tensor:
    """The values of each row in order; on a CPU by NumPy, which orders values alone many times faster."""
    if values.device.type != "cpu":
        return values.sort(dim=-1).values
    return torch.from_numpy(np.sort(values.numpy(), axis=-1))


class Chosen:
    """The places of each row that a mask [rows, places] is true for, side by side.

    Attributes:
        flat: [chosen], the places, counted row after row.
        counts: [rows], how many each row has.
    """

    def __init__(self, mask: Tensor):
        self._rows, self._places = mask.shape
        if mask.device.type == "cpu":
            self.flat = torch.from_numpy(np.flatnonzero(mask.numpy()))  # several times as fast as nonzero
        else:
            self.flat = mask.flatten().nonzero().squeeze(1)
        self._row = self.flat // self._places
        bounds = torch.searchsorted(self._row, torch.arange(self._rows + 1, device=mask.device))
        self.counts = bounds.diff()
        self._column = torch.arange(len(self.flat), device=mask.device) - bounds[self._row]

    @property
    def places(self) -> Tensor:
        """[chosen], counted within their rows."""
        return self.flat - self._row * self._places

    def table(self, values: Tensor, fill: float) -> Tensor:
        """Values [chosen] as [rows, the most that a row has], those of a row in order and `fill` behind them."""
        table = values.new_full((self._rows, max(1, int(self.counts.max()))), fill)
        table[self._row, self._column] = values
        return table
