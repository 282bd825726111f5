"""Temperature by the position in a response: exploratory annealed decoding (EAD), arXiv 2510.05251, and its reverse."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from mtpipe.settings.base import Temperature
from mtpipe.temperature.rules.rule import Array, NextTokens, ResolvedRule, Rule, rounded

_LARGEST_POWER = 50.0
"""Beyond it the temperature has long been at its end, and the exponential would overflow."""


class _Resolved(ResolvedRule):
    depends_on = "position"
    top: Temperature
    floor: Temperature
    decay: float = Field(gt=0)
    template: int = Field(ge=0)

    def span(self) -> tuple[float, float]:
        ends = [self.floor, self.top] + [1.0] * (self.template > 0)
        return min(ends), max(ends)


def _growth(numbers: Mapping[str, Array], tokens: NextTokens) -> Array:
    """e^(t/d) - 1."""
    return math.e ** (tokens.positions / numbers["decay"]).clip(0, _LARGEST_POWER) - 1


def _after_template(numbers: Mapping[str, Array], tokens: NextTokens, temperatures: Array) -> Array:
    in_template = tokens.positions < numbers["template"]
    return 1.0 * in_template + temperatures * ~in_template


class ResolvedAnnealed(_Resolved):
    """T_t = max(1 + top - e^(t / decay), floor), and 1 for t < template."""

    kind: Literal["annealed"] = "annealed"

    @staticmethod
    def at(numbers: Mapping[str, Array], tokens: NextTokens) -> Array:
        cooling = (numbers["top"] - _growth(numbers, tokens)).clip(numbers["floor"])
        return _after_template(numbers, tokens, cooling)


class ResolvedReverseAnnealed(_Resolved):
    """T_t = min(floor + e^(t / decay) - 1, top), and 1 for t < template."""

    kind: Literal["reverse_annealed"] = "reverse_annealed"

    @staticmethod
    def at(numbers: Mapping[str, Array], tokens: NextTokens) -> Array:
        warming = (numbers["floor"] + _growth(numbers, tokens)).clip(None, numbers["top"])
        return _after_template(numbers, tokens, warming)


class _Annealed(Rule):
    floor: Temperature = Field(default=0.1, description="tau_min, the lowest temperature")
    decay: float = Field(default=25.0, gt=0, description="d0, tokens; the larger, the slower, towards one temperature")
    growth: float = Field(default=5.0, ge=0, description="tokens that each round adds to the decay")
    decay_limit: float = Field(default=40000.0, gt=0, description="tokens; the decay grows no further")
    template: int = Field(default=10, ge=0, description="first tokens, at temperature 1")

    def default_base(self) -> float:
        return 1.2

    def _numbers(self, base: float, round: int) -> dict[str, Any]:
        decay = min(self.decay + self.growth * round, max(self.decay, self.decay_limit))
        top, floor = rounded(base), rounded(min(self.floor, base))
        return {"top": top, "floor": floor, "decay": decay, "template": self.template}


class Annealed(_Annealed):
    """Hot at the beginning, cooling to `floor`; the base is the paper's tau_max, by default its 1.2.

    Paper: floor 0.1, decay 25, growth 5 a step up to 40000, template 10. A round here is a step there.
    """

    resolved: ClassVar[type[ResolvedRule]] = ResolvedAnnealed
    kind: Literal["annealed"]

    def resolve(self, base: float, round: int) -> ResolvedAnnealed:
        return ResolvedAnnealed(**self._numbers(base, round))


class ReverseAnnealed(_Annealed):
    """The same numbers the other way round: from `floor` up to the base temperature, where it stays."""

    resolved: ClassVar[type[ResolvedRule]] = ResolvedReverseAnnealed
    kind: Literal["reverse_annealed"]

    def resolve(self, base: float, round: int) -> ResolvedReverseAnnealed:
        return ResolvedReverseAnnealed(**self._numbers(base, round))
