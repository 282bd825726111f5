"""A temperature that holds the entropy where training found it (E3, arXiv 2505.18573), or leads it down a line.

Entrocraft (arXiv 2604.26326) finds a target that falls linearly best; it follows its own by rejecting advantages.
"""

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
    number of tokens in the vocabulary. H* is the first round's entropy unless `target` says another; with `end` it goes
    from there to `end` in a straight line, which it reaches in round `over`.
    """

    kind: Literal["entropy_target"]
    start: Temperature = 1.0
    target: float | None = Field(default=None, gt=0, description="nats a token; null: the first round's")
    end: float | None = Field(default=None, gt=0, description="nats a token; null: the target stays")
    over: int | None = Field(default=None, ge=1, description="rounds to `end`")
    lowest: Temperature = 0.5
    highest: Temperature = 2.0

    @model_validator(mode="after")
    def _start_within_bounds(self) -> "EntropyTarget":
        if not self.lowest <= self.start <= self.highest:
            raise ValueError(
                f"start ({self.start}) has to lie between lowest ({self.lowest}) and highest ({self.highest})"
            )
        return self

    @model_validator(mode="after")
    def _end_and_over_together(self) -> "EntropyTarget":
        if (self.end is None) != (self.over is None):
            raise ValueError(f"end and over go together: nats, and rounds to get there; found {self.end}, {self.over}")
        return self

    def bounds(self) -> tuple[float, float]:
        return self.lowest, self.highest

    def before(self, state: State, ahead: BeforeRound) -> State:
        state = state or {"temperature": self.start, "target": self.target}
        return state if self.over is None else state | {"way": min(ahead.round / self.over, 1.0)}

    def after(self, state: State, sampled: AfterRound) -> State:
        entropy = max(sampled.entropy, LEAST_ENTROPY)
        target = state["target"] or entropy
        now = target if self.end is None else target + (self.end - target) * state["way"]
        scale = math.log(sampled.vocabulary) + math.log(math.log(sampled.vocabulary))
        moved = state["temperature"] * (1 + state["temperature"] * math.log(now / entropy) / scale)
        return {"temperature": rounded(min(max(moved, self.lowest), self.highest)), "target": target}
