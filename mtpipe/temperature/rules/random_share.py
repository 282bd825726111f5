"""Two temperatures within a response, by chance: the control of `entropy_threshold`."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from mtpipe.temperature.rules.rule import Array, BetweenTwo, NextTokens, ResolvedRule, TwoTemperatures
from mtpipe.temperature.rules.uniform import ResolvedUniform


class ResolvedRandomShare(BetweenTwo):
    """T = high where the token's own random number < share, else low."""

    random = True
    kind: Literal["random_share"] = "random_share"
    share: float = Field(ge=0, le=1)

    @staticmethod
    def at(numbers: Mapping[str, Array], tokens: NextTokens) -> Array:
        hot = tokens.uniforms < numbers["share"]
        return numbers["high"] * hot + numbers["low"] * ~hot


class RandomShare(TwoTemperatures):
    """Any `share` of the tokens at `high`, whatever their entropy; the others at `low`.

    A study that has this arm beside `entropy_threshold`, with the same share and the same temperatures, can tell what
    the hottest fifth does from what any fifth does. Which tokens are hot follows from the response's identity and the
    position alone, so arms with the same seed heat the same positions.
    """

    resolved: ClassVar[type[ResolvedRule]] = ResolvedRandomShare
    kind: Literal["random_share"]
    share: float = Field(default=0.2, ge=0, le=1, description="of the tokens, that are hot")

    def resolve(self, base: float, round: int) -> ResolvedUniform | ResolvedRandomShare:
        low, high = self.moved(base)
        if low == high:
            return ResolvedUniform(temperature=low)
        return ResolvedRandomShare(low=low, high=high, share=self.share)
