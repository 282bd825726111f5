"""A resolved rule on tensors: the one place where a token gets its temperature."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mtpipe.temperature.token_rule import ResolvedRule, ResolvedUniform


class ResponseTemperatures(NamedTuple):
    """What one response's tokens may take: `high` from `threshold` (nats, infinite for a uniform rule), else `low`."""

    low: float
    high: float
    threshold: float


def response_temperatures(rule: ResolvedRule, threshold: float | None, sample: int) -> ResponseTemperatures:
    """Looks a response's temperatures up by its index within the group.

    `threshold` (nats, frozen for the round) is None for a uniform rule.
    """
    if isinstance(rule, ResolvedUniform):
        return ResponseTemperatures(rule.temperature[sample], rule.temperature[sample], math.inf)
    if threshold is None:
        raise ValueError("an entropy threshold has to be resolved to nats before sampling starts")
    return ResponseTemperatures(rule.low[sample], rule.high[sample], threshold)


@dataclass(frozen=True)
class RowTemperatures:
    """The temperatures that a batch of responses, one a row, may take; each tensor is [rows], thresholds in nats.

    Rows of different rules stand side by side: no row's temperature depends on another row.
    """

    low: Tensor
    high: Tensor
    threshold: Tensor

    @classmethod
    def stack(cls, responses: Sequence[ResponseTemperatures], device: torch.device | str = "cpu") -> "RowTemperatures":
        """One row for each response."""
        low, high, threshold = torch.tensor(responses, dtype=torch.float32).T.to(device)
        return cls(low, high, threshold)

    @classmethod
    def of(
        cls, rule: ResolvedRule, threshold: float | None, samples: list[int], device: torch.device | str = "cpu"
    ) -> "RowTemperatures":
        """One row for each response of one rule, given by its index within the group."""
        return cls.stack([response_temperatures(rule, threshold, sample) for sample in samples], device)

    def at(self, entropies: Tensor) -> Tensor:
        """The temperature of each row's next token, [rows], given its untempered entropy [rows] in nats."""
        return torch.where(entropies >= self.threshold, self.high, self.low)

    def keep(self, rows: Tensor) -> "RowTemperatures":
        """The same for a subset of the rows, given by index."""
        return RowTemperatures(self.low[rows], self.high[rows], self.threshold[rows])
