"""A resolved rule on tensors: the one place where a token gets its temperature."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mtpipe.temperature.token_rule import ResolvedRule, ResolvedUniform


@dataclass(frozen=True)
class RowTemperatures:
    """The temperatures that a batch of responses, one a row, may take.

    `low` and `high` are [rows]; `threshold` is in nats and infinite for a uniform rule.
    """

    low: Tensor
    high: Tensor
    threshold: float

    @classmethod
    def of(
        cls, rule: ResolvedRule, threshold: float | None, samples: list[int], device: torch.device | str = "cpu"
    ) -> "RowTemperatures":
        """Looks each row's temperatures up by its response index within the group.

        `threshold` (nats, frozen for the round) is None for a uniform rule.
        """

        def rows(by_sample: list[float]) -> Tensor:
            return torch.tensor([by_sample[sample] for sample in samples], dtype=torch.float32, device=device)

        if isinstance(rule, ResolvedUniform):
            return cls(rows(rule.temperature), rows(rule.temperature), math.inf)
        if threshold is None:
            raise ValueError("an entropy threshold has to be resolved to nats before sampling starts")
        return cls(rows(rule.low), rows(rule.high), threshold)

    def at(self, entropies: Tensor) -> Tensor:
        """The temperature of each row's next token, [rows], given its untempered entropy [rows] in nats."""
        return torch.where(entropies >= self.threshold, self.high, self.low)

    def keep(self, rows: Tensor) -> "RowTemperatures":
        """The same for a subset of the rows, given by index."""
        return RowTemperatures(self.low[rows], self.high[rows], self.threshold)
