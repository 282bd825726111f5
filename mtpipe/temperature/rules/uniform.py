"""One temperature for all tokens of a response."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from mtpipe.settings.base import Temperature
from mtpipe.temperature.rules.rule import Array, NextTokens, ResolvedRule, Rule, rounded


class ResolvedUniform(ResolvedRule):
    """T = temperature."""

    kind: Literal["uniform"] = "uniform"
    temperature: Temperature

    def span(self) -> tuple[float, float]:
        return self.temperature, self.temperature

    @staticmethod
    def at(numbers: Mapping[str, Array], tokens: NextTokens) -> Array:
        return numbers["temperature"]


class Uniform(Rule):
    """All tokens of a response at the response's base temperature."""

    resolved: ClassVar[type[ResolvedRule]] = ResolvedUniform
    kind: Literal["uniform"]

    def default_base(self) -> float:
        return 1.0

    def resolve(self, base: float, round: int) -> ResolvedUniform:
        return ResolvedUniform(temperature=rounded(base))
