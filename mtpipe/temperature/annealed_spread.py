"""A spread that changes over training: its offsets narrow or widen by a schedule."""

from pydantic import Field, model_validator

from mtpipe.temperature.schedule import Schedule
from mtpipe.temperature.spread import Spread


class AnnealedSpread(Spread):
    """A Spread, with `scale`: what the offsets are multiplied by, round by round, 1 by default."""

    scale: Schedule | None = Field(default=None, description="{kind: linear, start: 1, end: 0, over: 4} narrows it")

    @model_validator(mode="after")
    def _scales_offsets(self) -> "AnnealedSpread":
        if self.scale is not None and self.offsets is None:
            raise ValueError("scale multiplies offsets; temperatures and drawn ones have none: drop scale")
        return self

    def at(self, round: int) -> Spread:
        """The spread of one round; raises ValueError where the scale does not cover it."""
        if self.scale is None or self.offsets is None:
            return Spread(offsets=self.offsets, temperatures=self.temperatures, drawn=self.drawn)
        scale = self.scale.at(round)
        return Spread(offsets=[scale * offset for offset in self.offsets])
