"""Temperature over the responses of one prompt (the paper's rollout level)."""

from pydantic import Field, model_validator

from mtpipe.settings.base import Settings, Temperature
from mtpipe.temperature.distribution import DrawnTemperature


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
