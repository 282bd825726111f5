"""From one temperature to another as entropy rises: the threshold made smooth, by a straight line or by a sigmoid."""

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from mtpipe.temperature.rules.rule import (
    Array,
    BetweenTwo,
    EntropyLevel,
    Level,
    NextTokens,
    ResolvedRule,
    TwoTemperatures,
)

_NARROWEST = 1e-6
"""Nats; two quantiles may be one entropy, and a ramp between them is then a step."""


class ResolvedEntropyLinear(BetweenTwo):
    """T = low + (high - low) * clip((H - cold_until) / (hot_from - cold_until), 0, 1)."""

    depends_on = "entropy"
    kind: Literal["entropy_linear"] = "entropy_linear"
    cold_until: Level
    hot_from: Level

    @staticmethod
    def at(numbers: Mapping[str, Array], tokens: NextTokens) -> Array:
        width = (numbers["hot_from"] - numbers["cold_until"]).clip(_NARROWEST)
        share = ((tokens.entropies - numbers["cold_until"]) / width).clip(0, 1)
        return numbers["low"] * (1 - share) + numbers["high"] * share


class EntropyLinear(TwoTemperatures):
    """`low` up to the entropy `cold_until`, `high` from `hot_from` on, a straight line between."""

    resolved: ClassVar[type[ResolvedRule]] = ResolvedEntropyLinear
    kind: Literal["entropy_linear"]
    cold_until: EntropyLevel
    hot_from: EntropyLevel

    @model_validator(mode="after")
    def _ascending(self) -> "EntropyLinear":
        for unit in ("nats", "quantile"):
            start, end = getattr(self.cold_until, unit), getattr(self.hot_from, unit)
            if start is not None and end is not None and start > end:
                raise ValueError(f"cold_until ({start:g} {unit}) has to be at most hot_from ({end:g} {unit})")
        return self

    def resolve(self, base: float, round: int) -> ResolvedEntropyLinear:
        low, high = self.moved(base)
        return ResolvedEntropyLinear(low=low, high=high, cold_until=self.cold_until.level, hot_from=self.hot_from.level)


class ResolvedEntropySigmoid(BetweenTwo):
    """T = low + (high - low) * sigmoid((H - centre) / width)."""

    depends_on = "entropy"
    kind: Literal["entropy_sigmoid"] = "entropy_sigmoid"
    centre: Level
    width: float = Field(gt=0)

    @staticmethod
    def at(numbers: Mapping[str, Array], tokens: NextTokens) -> Array:
        logit = ((tokens.entropies - numbers["centre"]) / numbers["width"]).clip(-30, 30)
        share = 1 / (1 + math.e ** (-logit))
        return numbers["low"] * (1 - share) + numbers["high"] * share


class EntropySigmoid(TwoTemperatures):
    """From `low` to `high` around the entropy `centre`; four fifths of the way lie within 1.4 `width` of it."""

    resolved: ClassVar[type[ResolvedRule]] = ResolvedEntropySigmoid
    kind: Literal["entropy_sigmoid"]
    centre: EntropyLevel
    width: float = Field(gt=0, description="nats; towards 0 the rule becomes entropy_threshold")

    def resolve(self, base: float, round: int) -> ResolvedEntropySigmoid:
        low, high = self.moved(base)
        return ResolvedEntropySigmoid(low=low, high=high, centre=self.centre.level, width=self.width)
