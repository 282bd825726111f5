"""An arm of the study: how one run's temperatures come about."""

from pydantic import Field, model_validator

from mtpipe.arms.schedule import Constant, Schedule
from mtpipe.arms.spread import AnnealedSpread
from mtpipe.settings import Settings
from mtpipe.temperature.rules import AnyRule
from mtpipe.temperature.rules.uniform import Uniform
from mtpipe.temperature.truncation import NONE, Truncation


class Arm(Settings):
    """T[i, t] = token_rule(base = schedule(round) + spread[i], H[i, t], t); each of the three may be left out."""

    schedule: Schedule | None = Field(default=None, description="over training; by default constant")
    spread: AnnealedSpread | None = Field(default=None, description="over a group's responses; by default none")
    token: AnyRule = Field(default=Uniform(kind="uniform"), description="within a response")
    truncation: Truncation = Field(default=NONE, description="which tokens may be drawn; by default all")

    @model_validator(mode="after")
    def _no_idle_schedule(self) -> "Arm":
        if self.schedule is not None and self.spread is not None and self.spread.absolute:
            raise ValueError("absolute spread temperatures leave the schedule no effect; use offsets, or drop it")
        return self

    def scheduled(self, round: int) -> float:
        """The schedule's temperature of a round."""
        return (self.schedule or Constant(kind="constant", value=self.token.default_base())).at(round)
