"""Entropy-based dynamic temperature, arXiv 2403.14541, equation of section 3: T = T0 * N^(theta / H)."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from mtpipe.settings.base import Temperature
from mtpipe.temperature.rules.rule import Array, NextTokens, ResolvedRule, Rule, rounded

_LEAST = 1e-4
"""Nats; below it the power is 0 as far as float32 goes, at any theta worth setting."""


class ResolvedEDT(ResolvedRule):
    """T = max(t0 * n^(theta / H), floor)."""

    depends_on = "entropy"
    kind: Literal["edt"] = "edt"
    t0: Temperature
    theta: float = Field(ge=0)
    n: float = Field(gt=0, le=1)
    floor: Temperature

    def span(self) -> tuple[float, float]:
        return min(self.floor, self.t0), max(self.floor, self.t0)

    @staticmethod
    def at(numbers: Mapping[str, Array], tokens: NextTokens) -> Array:
        power = numbers["theta"] / tokens.entropies.clip(_LEAST)
        return (numbers["t0"] * numbers["n"] ** power).clip(numbers["floor"])


class EDT(Rule):
    """Colder where the model is sure, towards the base temperature where it is not; the base is T0.

    The paper's temperature goes to 0 with the entropy, where nothing can be sampled; `floor` stops it.
    """

    resolved: ClassVar[type[ResolvedRule]] = ResolvedEDT
    kind: Literal["edt"]
    theta: float = Field(default=0.1, ge=0, description="nats; 0 makes the rule uniform")
    n: float = Field(default=0.8, gt=0, le=1, description="N; 1 makes the rule uniform")
    floor: Temperature = Field(default=0.1, description="the lowest temperature")

    def default_base(self) -> float:
        return 1.0

    def resolve(self, base: float, round: int) -> ResolvedEDT:
        return ResolvedEDT(t0=rounded(base), theta=self.theta, n=self.n, floor=self.floor)
