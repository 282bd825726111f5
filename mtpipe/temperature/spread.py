"""Temperature over the responses of one prompt (the paper's rollout level)."""

from pydantic import Field, model_validator

from mtpipe.settings import Settings, Temperature


class Spread(Settings):
    """Either `offsets`, added to the schedule's temperature, or absolute `temperatures` in its place.

    One number for each response of the group, in the order of the responses' `sample` index.
    """

    offsets: list[float] | None = Field(default=None, min_length=1)
    temperatures: list[Temperature] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> "Spread":
        if (self.offsets is None) == (self.temperatures is None):
            raise ValueError("give either offsets or temperatures, not both and not neither")
        return self

    @property
    def absolute(self) -> bool:
        """Whether the schedule's temperature has no effect."""
        return self.temperatures is not None

    def __len__(self) -> int:
        return len(self.offsets or self.temperatures or [])

    def base(self, scheduled: float, sample: int, number: float) -> float:
        """The base temperature of response `sample`.

        Args:
            scheduled: the schedule's temperature of the round.
            number: the response's own random number in [0, 1).
        """
        if self.temperatures is not None:
            return self.temperatures[sample]
        return scheduled + (self.offsets or [])[sample]
