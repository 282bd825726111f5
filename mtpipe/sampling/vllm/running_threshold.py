"""A quantile threshold without a round to take it from: each request estimates it from its own tokens.

Not what the pipeline does, whose threshold is frozen for a round: here a token's temperature follows from the tokens
before it in its own response, a short response has hardly left the first guess, and a request that vLLM preempts starts
over from it. No request sees another's tokens. Log-probs are right all the same.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from mtpipe.temperature.rules.rule import Array, BetweenTwo, NextTokens

_FIRST_STEP = 0.5
"""Nats: how far the first token moves the estimate, at most."""


class RunningThreshold(BetweenTwo):
    """T = high where a token's entropy is at least the running estimate of its response's quantile, else low.

    `quantile` is the share of tokens that stay at low, `start` the first guess in nats.
    """

    kind: Literal["running_threshold"] = "running_threshold"
    quantile: float = Field(gt=0, lt=1)
    start: float = Field(ge=0)

    @staticmethod
    def at(numbers: Mapping[str, Array], tokens: NextTokens) -> Array:
        """Low, in an array of its own, until `RunningThresholds` has put its temperatures there."""
        return numbers["low"] + 0.0 * tokens.entropies


class RunningThresholds:
    """The estimates of the slots that have such a rule.

    The stochastic approximation of a quantile (Robbins and Monro 1951): after its n-th token an estimate moves by
    step/√n · (quantile − [entropy < estimate]).
    """

    def __init__(self, device: torch.device) -> None:
        self._numbers = torch.zeros(5, 1, device=device)
        self._rules = np.zeros(1, dtype=bool)

    def put(self, slot: int, rule: RunningThreshold | None) -> None:
        """A slot's rule from its first token on; None for any other rule."""
        if slot >= len(self._rules):
            more = max(slot + 1, 2 * len(self._rules)) - len(self._rules)
            self._rules = np.pad(self._rules, (0, more))
            self._numbers = torch.nn.functional.pad(self._numbers, (0, more))
        self._rules[slot] = rule is not None
        if rule is not None:
            values = [rule.start, rule.low, rule.high, rule.quantile, 0.0]
            self._numbers[:, slot] = torch.tensor(values, device=self._numbers.device)

    def apply(
        self, temperatures: Tensor, entropies: Tensor, slots: NDArray[np.intp], positions: NDArray[np.intp]
    ) -> None:
        """Replaces the temperatures of the rows that have such a rule, and moves their estimates.

        Args:
            temperatures, entropies: [rows], of other rules, and in nats.
            slots: [rows].
            positions: [rows], below 0 where a prompt is being read: such a row moves nothing.
        """
        if not self._rules[slots].any():
            return
        device = temperatures.device
        rows = torch.from_numpy(np.flatnonzero(self._rules[slots])).to(device)
        own = torch.from_numpy(slots).to(device)[rows]
        threshold, low, high, quantile, seen = self._numbers[:, own]
        found = entropies[rows]
        temperatures[rows] = torch.where(found >= threshold, high, low)
        sampled = torch.from_numpy(positions >= 0).to(device)[rows]
        step = _FIRST_STEP / (seen + 1).sqrt()
        moved = (threshold + step * (quantile - (found < threshold).float())).clamp(min=0.0)
        self._numbers[0, own] = torch.where(sampled, moved, threshold)
        self._numbers[4, own] = seen + sampled
