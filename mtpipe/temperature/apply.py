"""Resolved rules on tensors: the one place where a token gets its temperature."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtpipe.temperature.rules.rule import NextTokens, ResolvedRule


@dataclass
class RuleContext:
    """Engine data that some rules need: which vocabulary entries end a line, and sliding windows of entropies.

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

    def keep(self, rows: Tensor, count: int) -> "_Alike":
        """Those that are among the `rows` of a batch of `count`, by their places in the smaller batch."""
        if self.rows is None:
            return replace(self, numbers={name: values[rows] for name, values in self.numbers.items()})
        places = torch.full((count,), -1, device=rows.device)
        places[rows] = torch.arange(len(rows), device=rows.device)
        own = places[self.rows]
        there = own >= 0
        return replace(self, rows=own[there], numbers={name: values[there] for name, values in self.numbers.items()})


class RuleTable:
    """The rules of an engine's slots as arrays, of which those of a step's rows are picked without a look at a rule."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[type[ResolvedRule], str | None, int | None], int] = {}
        self._kind_of = np.zeros(0, dtype=np.intp)
        self._numbers: list[dict[str, NDArray[np.float32]]] = []

    def put(self, slot: int, rule: ResolvedRule) -> None:
        """Raises ValueError if a quantile of the rule has not become nats."""
        values, fields = rule.numbers, type(rule).model_fields
        line_end, window = (getattr(rule, name) if name in fields else None for name in ("line_end", "window"))
        kind = self._kinds.setdefault((type(rule), line_end, window), len(self._kinds))
        if kind == len(self._numbers):
            self._numbers.append({name: np.zeros(0, dtype=np.float32) for name in values})
        if slot >= len(self._kind_of):
            self._kind_of = grown(self._kind_of, slot + 1)
        for name, value in values.items():
            if slot >= len(self._numbers[kind][name]):
                self._numbers[kind][name] = grown(self._numbers[kind][name], slot + 1)
            self._numbers[kind][name][slot] = value
        self._kind_of[slot] = kind

    def alike(self, slots: NDArray[np.intp], device: torch.device | str) -> list[_Alike]:
        """The rules of a batch whose rows [rows] stand in these slots."""
        kinds = self._kind_of[slots]
        groups = []
        for (rule, line_end, window), kind in self._kinds.items():
            rows = np.flatnonzero(kinds == kind)
            if len(rows):
                own = {name: values[slots[rows]] for name, values in self._numbers[kind].items()}
                numbers = {name: torch.from_numpy(values).to(device) for name, values in own.items()}
                index = None if len(rows) == len(slots) else torch.from_numpy(rows).to(device)
                groups.append(_Alike(rule, index, numbers, line_end, window))
        return groups


def grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    """The array with room for at least `size` entries along its first axis, zeros behind what it has."""
    larger = np.zeros((max(size, 2 * len(array)), *array.shape[1:]), dtype=array.dtype)
    larger[: len(array)] = array
    return larger


class RowTemperatures:
    """The rules of a batch of responses, one a row.

    Rows of different kinds stand side by side, and no row's temperature depends on another row, except under rules that
    are `batch_dependent`.
    """

    def __init__(
        self,
        rules: Sequence[ResolvedRule] | RuleTable,
        device: torch.device | str = "cpu",
        rule_context: RuleContext | None = None,
        slots: NDArray[np.intp] | None = None,
    ):
        """Raises ValueError if a rule's quantile has not become nats.

        Args:
            rules: one a row; or a table, of which the rows are those in `slots` [rows].
        """
        if not isinstance(rules, RuleTable):
            table, slot_of = RuleTable(), {id(rule): slot for slot, rule in enumerate(rules)}
            slots = np.array([slot_of[id(rule)] for rule in rules], dtype=np.intp)
            for slot in slot_of.values():
                table.put(slot, rules[slot])
            rules = table
        assert slots is not None
        self._count = len(slots)
        self._device = device
        self._rule_context = rule_context or RuleContext()
        self._groups = rules.alike(slots, device)

    @property
    def batch_dependent(self) -> bool:
        """Whether rows that are not sampled from any more would change the temperatures of the others."""
        return any(group.kind.batch_dependent for group in self._groups)

    @property
    def random(self) -> bool:
        """Whether a rule asks for random numbers of the tokens' own."""
        return any(group.kind.random for group in self._groups)

    def at(
        self, entropies: Tensor, positions: Tensor, previous: Tensor | None = None, uniforms: Tensor | None = None
    ) -> Tensor:
        """The temperature of each row's next token, [rows], float32.

        Args:
            entropies: [rows], nats, untempered.
            positions: [rows], how many tokens each response has so far.
            previous: [rows], each response's last token, anything where it has none; for rules about lines.
            uniforms: [rows], float64 in [0, 1), `rule_uniforms` of `mtpipe.sampling.drawing.randomness`; for random
                rules.
        """
        parts = [self._of_group(group, entropies, positions, previous, uniforms) for group in self._groups]
        if self._groups[0].rows is None:
            return parts[0]
        temperatures = torch.empty(self._count, device=self._device)
        for group, part in zip(self._groups, parts, strict=True):
            temperatures[group.rows] = part
        return temperatures

    def _of_group(
        self, group: _Alike, entropies: Tensor, positions: Tensor, previous: Tensor | None, uniforms: Tensor | None
    ) -> Tensor:
        own_entropies, own_positions = group.of(entropies), group.of(positions)
        line_starts = recent = own_uniforms = None
        if group.line_end is not None:
            if previous is None or self._rule_context.line_ends is None:
                raise ValueError("a rule about lines needs the tokens before, and the texts of the vocabulary")
            line_starts = (own_positions == 0) | self._rule_context.line_ends(group.line_end)[group.of(previous)]
        if group.window is not None:
            before = self._rule_context.windows.get(group.window, own_entropies[:0])
            recent = torch.cat([before, own_entropies])[-group.window :]
            self._rule_context.windows[group.window] = recent
        if group.kind.random:
            if uniforms is None:
                raise ValueError("a random rule needs a random number of each token's own")
            own_uniforms = group.of(uniforms)
        tokens = NextTokens(own_entropies, own_positions, line_starts, recent, own_uniforms)
        return group.kind.at(group.numbers, tokens)

    def keep(self, rows: Tensor) -> "RowTemperatures":
        """The same for a subset of the rows, given by index."""
        kept = copy(self)
        kept._count = len(rows)
        kept._groups = [group.keep(rows, self._count) for group in self._groups]
        return kept
