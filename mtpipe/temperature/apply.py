"""Resolved rules on tensors: the one place where a token gets its temperature."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mtpipe.temperature.rules.rule import NextTokens, ResolvedRule


@dataclass
class Surroundings:
    """What an engine lends to rules beyond the token itself.

    Attributes:
        line_ends: the [vocabulary] bool table of the tokens whose text ends with a given line end.
        windows: by their size, the entropies of the last tokens drawn.
    """

    line_ends: Callable[[str], Tensor] | None = None
    windows: dict[int, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class _Alike:
    """Rows with rules of one kind; `rows` is None for all of the batch, numbers are [rows]."""

    kind: type[ResolvedRule]
    rows: Tensor | None
    numbers: dict[str, Tensor]
    line_end: str | None
    window: int | None

    def of(self, values: Tensor) -> Tensor:
        return values if self.rows is None else values[self.rows]


class RowTemperatures:
    """The rules of a batch of responses, one a row.

    Rows of different kinds stand side by side, and no row's temperature depends on another row, except under rules that
    are `batch_dependent`.
    """

    def __init__(
        self,
        rules: Sequence[ResolvedRule],
        device: torch.device | str = "cpu",
        surroundings: Surroundings | None = None,
    ):
        """Raises ValueError where a rule's quantile has not become nats."""
        self._rules = list(rules)
        self._device = device
        self._surroundings = surroundings or Surroundings()
        alike: dict[tuple[type[ResolvedRule], str | None, int | None], list[int]] = {}
        for row, rule in enumerate(self._rules):
            key = (type(rule), getattr(rule, "line_end", None), getattr(rule, "window", None))
            alike.setdefault(key, []).append(row)
        self._groups = [self._group(*key, rows) for key, rows in alike.items()]

    def _group(self, kind: type[ResolvedRule], line_end: str | None, window: int | None, rows: list[int]) -> _Alike:
        of_rows = [self._rules[row].numbers for row in rows]
        numbers = {
            name: torch.tensor([numbers[name] for numbers in of_rows], dtype=torch.float32, device=self._device)
            for name in of_rows[0]
        }
        index = None if len(rows) == len(self._rules) else torch.tensor(rows, device=self._device)
        return _Alike(kind, index, numbers, line_end, window)

    def at(self, entropies: Tensor, positions: Tensor, previous: Tensor | None = None) -> Tensor:
        """The temperature of each row's next token, [rows], float32.

        Args:
            entropies: [rows], nats, untempered.
            positions: [rows], how many tokens each response has so far.
            previous: [rows], each response's last token, anything where it has none; for rules about lines.
        """
        parts = [self._of_group(group, entropies, positions, previous) for group in self._groups]
        if self._groups[0].rows is None:
            return parts[0]
        temperatures = torch.empty(len(self._rules), device=self._device)
        for group, part in zip(self._groups, parts, strict=True):
            temperatures[group.rows] = part
        return temperatures

    def _of_group(self, group: _Alike, entropies: Tensor, positions: Tensor, previous: Tensor | None) -> Tensor:
        own_entropies, own_positions = group.of(entropies), group.of(positions)
        line_starts = recent = None
        if group.line_end is not None:
            if previous is None or self._surroundings.line_ends is None:
                raise ValueError("a rule about lines needs the tokens before, and the texts of the vocabulary")
            line_starts = (own_positions == 0) | self._surroundings.line_ends(group.line_end)[group.of(previous)]
        if group.window is not None:
            before = self._surroundings.windows.get(group.window, own_entropies[:0])
            recent = torch.cat([before, own_entropies])[-group.window :]
            self._surroundings.windows[group.window] = recent
        return group.kind.at(group.numbers, NextTokens(own_entropies, own_positions, line_starts, recent))

    def keep(self, rows: Tensor) -> "RowTemperatures":
        """The same for a subset of the rows, given by index."""
        return RowTemperatures([self._rules[row] for row in rows.tolist()], self._device, self._surroundings)
