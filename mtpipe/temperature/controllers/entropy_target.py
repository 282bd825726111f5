"""A temperature that holds the entropy where training found it: E3, arXiv 2505.18573."""

import math
from typing import Literal

from pydantic import Field, model_validator

from mtpipe.settings.base import Temperature
from mtpipe.temperature.controllers.controller import AfterRound, BeforeRound, Controller, State
from mtpipe.temperature.rules.rule import rounded

LEAST_ENTROPY = 1e-6
"""Nats. A policy that is sure of everything has a logarithm too."""


class EntropyTarget(Controller):
    """T <- T (1 + T ln(H*/H) / (ln V + ln ln V)) after each round, within its bounds.

    H is the entropy of the distributions that the round's tokens were drawn from, at their temperatures, and V the
    number of tokens in the vocabulary. H* is the first round's entropy unless `target` says another.
    """

    kind: Literal["entropy_target"]
    start: Temperature = 1.0
    target: float | None = Field(default=None, gt=0, description="nats a token; null: the first round's")
    lowest: Temperature = 0.5
    highest: Temperature = 2.0

    @model_validator(mode="after")
    def _start_within_bounds(self) -> "EntropyTarget":
        if not self.lowest <= self.start <= self.highest:
            raise ValueError(
                f"start ({self.start}) has to lie between lowest ({self.lowest}) and highest ({self.highest})"
            )
        return self

    def bounds(self) -> tuple[float, float]:
        return self.lowest, self.highest

    def before(self, state: State, ahead: BeforeRound) -> State:
        return state or {"temperature": self.start, "target": self.target}

    def after(self, state: State, sampled: AfterRound) -> State:
        entropy = max(sampled.entropy, LEAST_ENTROPY)
        target = state["target"] or entropy
        scale = math.log(sampled.vocabulary) + math.log(math.log(sampled.vocabulary))
        moved = state["temperature"] * (1 + state["temperature"] * math.log(target / entropy) / scale)
        return {"temperature": rounded(min(max(moved, self.lowest), self.highest)), "target": target}
