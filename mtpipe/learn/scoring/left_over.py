"""Of a chunk's logits those that truncation left to draw from, which are few."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mtpipe.temperature.masks import Masks


@dataclass(frozen=True)
class LeftOver:
    """What was left for some tokens of a chunk.

    Attributes:
        tokens: [n], their places in the chunk.
        ids: [n, width], the tokens of the vocabulary that were left, -1 behind them; None: all, in their order.
        logits: [n, width], -inf for what was left out and behind the ids.
        targets: [n, 1], where among these the target is.
        missing: bool [n, 1], whether the target was left out.
    """

    tokens: Tensor
    ids: Tensor | None
    logits: Tensor
    targets: Tensor
    missing: Tensor

    def add_to(self, gradient: Tensor, own: Tensor) -> None:
        """Adds a gradient [n, width] to that of the chunk [tokens of the chunk, vocabulary]."""
        if self.ids is None:
            gradient[self.tokens] += own
        else:
            gradient.index_put_((self.tokens[:, None], self.ids.clamp(min=0)), own, accumulate=True)


def left_over(logits: Tensor, targets: Tensor, masks: Masks) -> list[LeftOver]:
    """What masks left of logits [tokens, vocabulary], as copies: tokens whose kept ids are listed, and all others.

    A target [tokens, 1] that equals the edge of its set but for rounding counts as kept.
    """
    parts = []
    tokens, ids = masks.listed()
    if len(tokens):
        left = logits[tokens[:, None], ids.clamp(min=0)].masked_fill_(ids < 0, -torch.inf)
        there = ids == targets[tokens]
        parts.append(LeftOver(tokens, ids, left, there.int().argmax(-1, keepdim=True), ~there.any(-1, keepdim=True)))
    others = (masks.sizes <= 0).nonzero().squeeze(1)
    if len(others):
        left, own_targets = logits[others], targets[others]
        dropped = Masks(masks.sizes[others], masks.edges()[1]).dropped(left).scatter_(1, own_targets, False)
        left.masked_fill_(dropped, -torch.inf)
        parts.append(LeftOver(others, None, left, own_targets, torch.zeros_like(own_targets, dtype=torch.bool)))
    return parts
