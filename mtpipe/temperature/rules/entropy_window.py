"""The entropy threshold as the authors' code has it: by a sliding window over whatever is sampled at the time.

Here to reproduce that code. The threshold follows the batch: its size, its order, and how far each response is. So the
temperatures of one response change with the others', which `entropy_threshold` with a quantile avoids.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from mtpipe.temperature.rules.rule import Array, BetweenTwo, NextTokens, ResolvedRule, TwoTemperatures


class ResolvedEntropyWindow(BetweenTwo):
    """T = high where H >= the (1 - share) quantile of the last `window` entropies, this step's included; else low."""

    batch_dependent = True
    kind: Literal["entropy_window"] = "entropy_window"
    share: float = Field(ge=0, le=1)
    window: int = Field(ge=1)

    @staticmethod
    def at(numbers: Mapping[str, Array], tokens: NextTokens) -> Array:
        hot = tokens.entropies >= tokens.recent.quantile(1 - numbers["share"])
        return numbers["high"] * hot + numbers["low"] * ~hot


class EntropyWindow(TwoTemperatures):
    """The `share` of tokens with the highest entropy at `high`, the others at `low`.

    The window starts empty in every round. The authors' settings: share 0.4, low 1.0, high 1.2; elsewhere share 0.2,
    low 1.2, high 1.6.
    """

    resolved: ClassVar[type[ResolvedRule]] = ResolvedEntropyWindow
    kind: Literal["entropy_window"]
    share: float = Field(default=0.4, ge=0, le=1, description="of the tokens, that are hot")
    window: int = Field(default=100_000, ge=1, le=10_000_000, description="tokens whose entropies are remembered")

    def resolve(self, base: float, round: int) -> ResolvedEntropyWindow:
        low, high = self.moved(base)
        return ResolvedEntropyWindow(low=low, high=high, share=self.share, window=self.window)
