"""What was drawn, on its way from vLLM's workers to the engine: arrays, sorted by request when they are fetched."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtpipe.sampling.drawing.draw import DrawnTokens
from mtpipe.temperature.masks import Masks

Record = tuple[bytes, bytes]
"""Of one request float32 [6, tokens]: position, token, log-prob, temperature, untempered entropy, and the mask's size;
and int32 [ids] of the masks, token by token. A position may come twice; the later column holds."""


class Joined(NamedTuple):
    """A response's tokens and what was recorded with each, as the columns of a Rollout; all are [tokens]."""

    tokens: list[int]
    logprobs: list[float]
    temperatures: list[float]
    entropies: list[float]
    mask_sizes: list[int]
    mask_ids: list[int]


class _Step(NamedTuple):
    numbers: NDArray[np.intp]
    positions: NDArray[np.intp]
    values: Tensor
    masks: Masks | None


class TokenRecords:
    """The records of one worker since they were taken last; nothing waits for the device before that."""

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._names: dict[int, str] = {}
        self._opened = 0

    def open(self, name: str) -> int:
        """The number that stands for the record of one request under this name."""
        self._opened += 1
        self._names[self._opened] = name
        return self._opened

    def add(self, numbers: NDArray[np.intp], positions: NDArray[np.intp], drawn: DrawnTokens) -> None:
        """What one step drew for the records with these numbers, [rows], at these positions of their responses.

        A position below 0 is that of a prompt which is not read to its end: vLLM samples there too, and throws away.
        """
        values = torch.stack([column.float() for column in drawn[:4]])
        self._steps.append(_Step(numbers, positions, values, drawn.masks))

    def take(self, open_numbers: NDArray[np.intp]) -> dict[str, list[Record]]:
        """The records under their names, and forgets them; names are kept of the numbers that are open still."""
        names = self._names
        self._names = {number: names[number] for number in open_numbers.tolist() if number in names}
        if not self._steps:
            return {}
        steps, self._steps = self._steps, []
        numbers = np.concatenate([step.numbers for step in steps])
        positions = np.concatenate([step.positions for step in steps])
        values = torch.cat([step.values for step in steps], dim=1).cpu().numpy()
        sizes = np.concatenate([_sizes(step) for step in steps])
        ids = [step.masks.ids for step in steps if step.masks is not None]
        all_ids = torch.cat(ids).cpu().numpy().astype(np.int32) if ids else np.zeros(0, dtype=np.int32)
        counts = np.abs(sizes)
        starts = counts.cumsum() - counts
        order = np.flatnonzero(positions >= 0)
        order = order[np.argsort(numbers[order], kind="stable")]
        table = np.vstack([positions, values, sizes])[:, order].astype(np.float32)
        sorted_ids = all_ids[_ranges(starts[order], counts[order])]
        upto = np.concatenate([[0], counts[order].cumsum()])
        found: dict[str, list[Record]] = {}
        recorded, first, lengths = np.unique(numbers[order], return_index=True, return_counts=True)
        for number, start, stop in zip(recorded.tolist(), first, first + lengths, strict=True):
            record = table[:, start:stop].tobytes(), sorted_ids[upto[start] : upto[stop]].tobytes()
            found.setdefault(names[number], []).append(record)
        return found


def join(records: list[Record], count: int) -> Joined:
    """One response of `count` tokens from the records of its request; where two have a position, the later one holds.

    Raises ValueError if a token was not recorded.
    """
    tables = [np.frombuffer(table, dtype=np.float32).reshape(6, -1) for table, _ in records]
    table = np.hstack(tables) if tables else np.zeros((6, 0), dtype=np.float32)
    ids = np.frombuffer(b"".join(of_record for _, of_record in records), dtype=np.int32)
    positions, sizes = table[0].astype(np.intp), table[5].astype(np.intp)
    counts = np.abs(sizes)
    used = np.flatnonzero(positions < count)  # vLLM may have gone on beyond the end
    column = np.full(count, -1)
    column[positions[used]] = used
    if (column < 0).any():
        raise ValueError(f"token {int(np.argmax(column < 0))} of {count} was not recorded")
    starts = counts.cumsum() - counts
    tokens, logprobs, temperatures, entropies = table[1:5, column]
    mask_ids = ids[_ranges(starts[column], counts[column])]
    return Joined(
        tokens.astype(np.intp).tolist(),
        logprobs.tolist(),
        temperatures.tolist(),
        entropies.tolist(),
        sizes[column].tolist(),
        mask_ids.tolist(),
    )


def _sizes(step: _Step) -> NDArray[np.intp]:
    return np.zeros(len(step.numbers), np.intp) if step.masks is None else step.masks.sizes.cpu().numpy()


def _ranges(starts: NDArray[np.intp], counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """The indices of several ranges, one after another."""
    return np.repeat(starts - (counts.cumsum() - counts), counts) + np.arange(int(counts.sum()))
