"""A temperature for each response, drawn from a distribution by the response's own random number."""

from bisect import bisect_right
from itertools import accumulate
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from mtpipe.settings.base import Settings, Temperature


class _Between(Settings):
    discrete: ClassVar[bool] = False
    low: Temperature
    high: Temperature

    @model_validator(mode="after")
    def _ascending(self) -> "_Between":
        if self.low > self.high:
            raise ValueError(f"low ({self.low:g}) has to be at most high ({self.high:g})")
        return self

    def span(self) -> tuple[float, float]:
        return self.low, self.high


class DrawnUniform(_Between):
    """Every temperature between `low` and `high` alike: low + (high - low) * u."""

    kind: Literal["uniform"]

    def at(self, uniform: float) -> float:
        return self.low + (self.high - self.low) * uniform


class DrawnLogUniform(_Between):
    """Every ratio alike, so that 0.5 to 1 is as likely as 1 to 2: low * (high / low)^u."""

    kind: Literal["log_uniform"]

    def at(self, uniform: float) -> float:
        return self.low * (self.high / self.low) ** uniform


class DrawnChoice(Settings):
    """One of `temperatures`, with probabilities in proportion to `weights`, by default alike."""

    discrete: ClassVar[bool] = True
    kind: Literal["choice"]
    temperatures: list[Temperature] = Field(min_length=1)
    weights: list[Annotated[float, Field(ge=0)]] | None = None

    @model_validator(mode="after")
    def _one_weight_each(self) -> "DrawnChoice":
        count = len(self.temperatures)
        if self.weights is not None and (len(self.weights) != count or not sum(self.weights)):
            raise ValueError(
                f"weights are {self.weights}; expected one for each of the {count} temperatures, not all 0"
            )
        return self

    def _possible(self) -> tuple[list[float], list[float]]:
        weights = self.weights or [1.0] * len(self.temperatures)
        temperatures = [one for one, weight in zip(self.temperatures, weights, strict=True) if weight]
        return temperatures, list(accumulate(weight for weight in weights if weight))

    def span(self) -> tuple[float, float]:
        temperatures, _ = self._possible()
        return min(temperatures), max(temperatures)

    def at(self, uniform: float) -> float:
        temperatures, reached = self._possible()
        return temperatures[min(bisect_right(reached, uniform * reached[-1]), len(temperatures) - 1)]


DrawnTemperature = Annotated[DrawnUniform | DrawnLogUniform | DrawnChoice, Field(discriminator="kind")]
"""A distribution: `at` gives the temperature at a random number u in [0, 1), `span` the lowest and the highest."""
