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

    def __len__(self) -> int:
        return len(self.offsets or self.temperatures or [])

    def around(self, scheduled: float) -> list[float]:
        """The temperature of each response, given the schedule's temperature of the round."""
        if self.temperatures is not None:
            return list(self.temperatures)
        return [scheduled + offset for offset in self.offsets or []]
