"""Adaptive temperature by the start of a line, arXiv 2309.02772 (AAAI 2024)."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from mtpipe.settings.base import Temperature
from mtpipe.temperature.rules.rule import Array, BetweenTwo, NextTokens, ResolvedRule, TwoTemperatures


class ResolvedAdapT(BetweenTwo):
    """T = high for the first token of a line, else low."""

    kind: Literal["adapt"] = "adapt"
    line_end: str = Field(min_length=1, max_length=1)

    @staticmethod
    def at(numbers: Mapping[str, Array], tokens: NextTokens) -> Array:
        return numbers["high"] * tokens.line_starts + numbers["low"] * ~tokens.line_starts


class AdapT(TwoTemperatures):
    """Challenging tokens, the first of each line, at `high`; confident ones, the others, at `low`.

    A response's first token starts a line, and so does a token after one whose text ends with `line_end`, blanks
    behind it aside. In code and prose a line break ends a line; in arithmetic's answers a comma ends a step.
    """

    resolved: ClassVar[type[ResolvedRule]] = ResolvedAdapT
    kind: Literal["adapt"]
    low: Temperature = 0.6
    high: Temperature = 0.8
    line_end: str = Field(default="\n", min_length=1, max_length=1, description="one character")

    def resolve(self, base: float, round: int) -> ResolvedAdapT:
        low, high = self.moved(base)
        return ResolvedAdapT(low=low, high=high, line_end=self.line_end)
