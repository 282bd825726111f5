"""The sets of tokens that truncation left to draw from, token by token: exact, and small."""

from collections.abc import Sequence

import torch
from torch import Tensor

LISTED = 4096
"""So many kept tokens are listed by their ids. A larger set is told by its last token in the order of the logits."""

EDGE = -1
"""In the place of a size: the one id is that of the set's last token."""


class Masks:
    """For each of a list of tokens, which ones it was drawn among.

    A set beyond `LISTED` has all tokens whose logits exceed that of its edge, and of those that equal it the ones up to
    the edge's id. So it takes one id, and means the same where all logits are higher by a constant. Logits that differ
    by rounding can move tokens across the edge, of which there are many then, each with little weight.

    Attributes:
        sizes: [tokens]; n > 0: the next n of `ids` were kept; EDGE: the next one of `ids` is the edge; 0: nothing was
            cut.
        ids: [sum of |sizes|], token by token.
    """

    def __init__(self, sizes: Tensor, ids: Tensor):
        self.sizes, self.ids = sizes, ids
        self._ends = sizes.abs().cumsum(0)

    @classmethod
    def of(cls, sizes: list[int], ids: list[int], device: torch.device | str = "cpu") -> "Masks":
        """From the columns of the rollouts."""
        return cls(
            torch.tensor(sizes, dtype=torch.long, device=device), torch.tensor(ids, dtype=torch.long, device=device)
        )

    @classmethod
    def pack(cls, kept: Tensor) -> "Masks":
        """From bool [tokens, vocabulary], true for what was kept, of at most `LISTED` tokens each."""
        sizes = kept.sum(1)
        return cls(sizes.masked_fill(sizes == kept.shape[1], 0), kept[~kept.all(1)].nonzero()[:, 1])

    @classmethod
    def cat(cls, parts: "Sequence[Masks]") -> "Masks":
        """The tokens of all parts, one after another."""
        return cls(torch.cat([part.sizes for part in parts]), torch.cat([part.ids for part in parts]))

    def part(self, tokens: slice) -> "Masks":
        """Of some of the tokens."""
        sizes, ends = self.sizes[tokens], self._ends[tokens]
        if not len(sizes):
            return Masks(sizes, self.ids[:0])
        return Masks(sizes, self.ids[int(ends[0] - sizes[0].abs()) : int(ends[-1])])

    def dropped(self, logits: Tensor) -> Tensor:
        """What was left out: bool, as the logits [tokens, vocabulary] in whose order the edges stand."""
        dropped = torch.zeros_like(logits, dtype=torch.bool)
        tokens, ids = self.listed()
        if len(tokens):
            kept = (ids >= 0).nonzero(as_tuple=True)
            dropped[tokens] = True
            dropped[tokens[kept[0]], ids[kept]] = False
        tokens, edges = self.edges()
        if len(tokens):
            own, at = logits[tokens], logits[tokens, edges][:, None]
            after = torch.arange(logits.shape[1], device=logits.device) > edges[:, None]
            dropped[tokens] = (own < at) | ((own == at) & after)
        return dropped

    def listed(self) -> tuple[Tensor, Tensor]:
        """The tokens [n] whose kept ids are listed, and these ids [n, the most of one token], -1 behind them."""
        tokens = (self.sizes > 0).nonzero().squeeze(1)
        sizes = self.sizes[tokens, None]
        places = torch.arange(int(sizes.max()) if len(tokens) else 0, device=sizes.device)
        index = (self._ends[tokens, None] - sizes + places).clamp_(max=len(self.ids) - 1)
        return tokens, self.ids[index].masked_fill_(places >= sizes, -1)

    def edges(self) -> tuple[Tensor, Tensor]:
        """The tokens [n] whose sets are told by an edge, and the edges' ids [n]."""
        tokens = (self.sizes == EDGE).nonzero().squeeze(1)
        return tokens, self.ids[self._ends[tokens] - 1]

    def lists(self) -> tuple[list[int], list[list[int]]]:
        """The sizes, and the ids of each token."""
        parts = self.ids.cpu().split(self.sizes.abs().tolist())
        return self.sizes.tolist(), [part.tolist() for part in parts]
