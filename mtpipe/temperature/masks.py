"""The sets of tokens that truncation left to draw from, token by token: recorded exactly, and small."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Masks:
    """For each of a list of tokens, the ids that it was drawn among, or those it was not, whichever are fewer.

    Attributes:
        sizes: [tokens]; n > 0: of `ids` the next n were kept, all others dropped; n < 0: the next -n were dropped, all
            others kept; 0: nothing was cut.
        ids: [sum of |sizes|], token by token.
    """

    sizes: Tensor
    ids: Tensor

    @classmethod
    def pack(cls, dropped: Tensor) -> "Masks":
        """From bool [tokens, vocabulary], true for what was left out; every token keeps at least one."""
        cut = dropped.sum(1)
        kept = dropped.shape[1] - cut
        lists_kept = kept < cut
        listed = dropped ^ lists_kept[:, None]
        return cls(torch.where(lists_kept, kept, -cut), listed.nonzero()[:, 1])

    @classmethod
    def of(cls, sizes: list[int], ids: list[int], device: torch.device | str = "cpu") -> "Masks":
        """From the columns of the rollouts."""
        return cls(torch.tensor(sizes, device=device), torch.tensor(ids, dtype=torch.long, device=device))

    def dropped(self, part: slice, vocabulary: int) -> Tensor:
        """What was left out for some of the tokens: bool [tokens of the part, vocabulary]."""
        sizes = self.sizes[part]
        before = int(self.sizes[: part.start].abs().sum())
        ids = self.ids[before : before + int(sizes.abs().sum())]
        rows = torch.arange(len(sizes), device=sizes.device).repeat_interleave(sizes.abs())
        listed = torch.zeros(len(sizes), vocabulary, dtype=torch.bool, device=sizes.device)
        listed[rows, ids] = True
        return listed ^ (sizes > 0)[:, None]

    def lists(self) -> tuple[list[int], list[list[int]]]:
        """The sizes, and the ids of each token."""
        parts = self.ids.cpu().split(self.sizes.abs().tolist())
        return self.sizes.tolist(), [part.tolist() for part in parts]
