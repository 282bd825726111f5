"""Resolved rules on tensors: the one place where a token gets its temperature."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtpipe.temperature.rules.rule import NextTokens, ResolvedRule


class RowTemperatures:
    """The rules of a batch of responses, one a row.

    Rows of different kinds stand side by side: no row's temperature depends on another row.
    """

    def __init__(self, rules: Sequence[ResolvedRule], device: torch.device | str = "cpu"):
        """Raises ValueError where a rule's quantile has not become nats."""
        self._rules = list(rules)
        self._device = device
        by_kind: dict[type[ResolvedRule], list[int]] = {}
        for row, rule in enumerate(self._rules):
            by_kind.setdefault(type(rule), []).append(row)
        self._kinds = [(kind, rows, self._numbers(rows)) for kind, rows in by_kind.items()]

    def _numbers(self, rows: list[int]) -> dict[str, Tensor]:
        numbers = [self._rules[row].numbers for row in rows]
        return {
            name: torch.tensor([of_row[name] for of_row in numbers], dtype=torch.float32, device=self._device)
            for name in numbers[0]
        }

    def at(self, tokens: NextTokens) -> Tensor:
        """The temperature of each row's next token, [rows], float32."""
        if len(self._kinds) == 1:
            kind, _, numbers = self._kinds[0]
            return kind.at(numbers, tokens)
        temperatures = torch.empty(len(self._rules), device=self._device)
        for kind, rows, numbers in self._kinds:
            index = torch.tensor(rows, device=self._device)
            temperatures[index] = kind.at(numbers, tokens.of(index))
        return temperatures

    def keep(self, rows: Tensor) -> "RowTemperatures":
        """The same for a subset of the rows, given by index."""
        return RowTemperatures([self._rules[row] for row in rows.tolist()], self._device)
