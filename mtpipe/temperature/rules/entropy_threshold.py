"""Two temperatures within a response, by the entropy of each token (the paper's token level)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from mtpipe.settings import Settings, Temperature
from mtpipe.temperature.rules.rule import Level, NextTokens, Quantile, ResolvedRule, Rule, rounded
from mtpipe.temperature.rules.uniform import ResolvedUniform

if TYPE_CHECKING:
    from torch import Tensor


class Threshold(Settings):
    """The entropy from which a token counts as a reasoning token, in nats or as a quantile of the round before."""

    nats: float | None = Field(default=None, ge=0)
    quantile: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> "Threshold":
        if (self.nats is None) == (self.quantile is None):
            raise ValueError("give either nats or quantile, not both and not neither")
        return self

    @property
    def level(self) -> Level:
        return Quantile(quantile=self.quantile) if self.quantile is not None else self.nats or 0.0


class ResolvedEntropyThreshold(ResolvedRule):
    """T = `high` where the entropy reaches `threshold`, else `low`."""

    kind: Literal["entropy_threshold"] = "entropy_threshold"
    low: Temperature
    high: Temperature
    threshold: Level

    def span(self) -> tuple[float, float]:
        return min(self.low, self.high), max(self.low, self.high)

    @staticmethod
    def at(numbers: Mapping[str, "Tensor"], tokens: NextTokens) -> "Tensor":
        return numbers["high"].where(tokens.entropies >= numbers["threshold"], numbers["low"])


class EntropyThreshold(Rule):
    """High-entropy 'reasoning' tokens at `high`, low-entropy 'knowledge' tokens at `low`.

    A schedule or a spread shifts the pair by `base - low`. With `moves: high` the shift acts on the
    high-entropy tokens only, as in the authors' code; with `moves: all` on both.
    """

    resolved: ClassVar[type[ResolvedRule]] = ResolvedEntropyThreshold
    kind: Literal["entropy_threshold"]
    low: Temperature
    high: Temperature
    threshold: Threshold
    moves: Literal["high", "all"] = "high"

    def default_base(self) -> float:
        return self.low

    def resolve(self, base: float) -> ResolvedUniform | ResolvedEntropyThreshold:
        shift = base - self.low
        low = rounded(self.low + (shift if self.moves == "all" else 0.0))
        high = rounded(self.high + shift)
        if low == high:
            return ResolvedUniform(temperature=low)
        return ResolvedEntropyThreshold(low=low, high=high, threshold=self.threshold.level)
