"""Temperature over the responses of one prompt (the paper's rollout level)."""

from pydantic import Field, model_validator

from mtpipe.settings.base import Settings, Temperature
from mtpipe.temperature.distribution import DrawnTemperature
from mtpipe.temperature.schedule import Schedule


class Spread(Settings):
    """`offsets`, added to the schedule's temperature, or in its place absolute `temperatures`, or `drawn` ones.

    The lists have one number for each response of the group, in the order of the responses' `sample` index.
    """

    offsets: list[float] | None = Field(default=None, min_length=1)
    temperatures: list[Temperature] | None = Field(default=None, min_length=1)
    drawn: DrawnTemperature | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "Spread":
        if (self.offsets is None) + (self.temperatures is None) + (self.drawn is None) != 2:
            raise ValueError("give either offsets, temperatures or drawn: one of them, and one only")
        return self

    @property
    def absolute(self) -> bool:
        """Whether the schedule's temperature has no effect."""
        return self.offsets is None

    @property
    def entries(self) -> int | None:
        """How many responses it is made for; None for any number."""
        listed = self.offsets or self.temperatures
        return None if listed is None else len(listed)

    def base(self, scheduled: float, sample: int, uniform: float) -> float:
        """The base temperature of response `sample`.

        Args:
            scheduled: the schedule's temperature of the round.
            uniform: the response's own random number in [0, 1).
        """
        if self.drawn is not None:
            return self.drawn.at(uniform)
        if self.temperatures is not None:
            return self.temperatures[sample]
        return scheduled + (self.offsets or [])[sample]


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
