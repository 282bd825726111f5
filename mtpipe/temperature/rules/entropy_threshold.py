"""Two temperatures within a response, by the entropy of each token (the paper's token level)."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from mtpipe.temperature.rules.rule import (
    Array,
    BetweenTwo,
    EntropyLevel,
    Level,
    NextTokens,
    ResolvedRule,
    TwoTemperatures,
)
from mtpipe.temperature.rules.uniform import ResolvedUniform


class ResolvedEntropyThreshold(BetweenTwo):
    """T = high where H >= threshold, else low."""

    depends_on = "entropy"
    kind: Literal["entropy_threshold"] = "entropy_threshold"
    threshold: Level

    @staticmethod
    def at(numbers: Mapping[str, Array], tokens: NextTokens) -> Array:
        hot = tokens.entropies >= numbers["threshold"]
        return numbers["high"] * hot + numbers["low"] * ~hot


class EntropyThreshold(TwoTemperatures):
    """High-entropy 'reasoning' tokens at `high`, low-entropy 'knowledge' tokens at `low`."""

    resolved: ClassVar[type[ResolvedRule]] = ResolvedEntropyThreshold
    kind: Literal["entropy_threshold"]
    threshold: EntropyLevel

    def resolve(self, base: float, round: int) -> ResolvedUniform | ResolvedEntropyThreshold:
        low, high = self.moved(base)
        if low == high:
            return ResolvedUniform(temperature=low)
        return ResolvedEntropyThreshold(low=low, high=high, threshold=self.threshold.level)
