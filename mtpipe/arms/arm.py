"""An arm of the study: how one run's temperatures come about."""

from pydantic import Field, model_validator

from mtpipe.arms.schedule import Constant, Schedule
from mtpipe.arms.spread import Spread
from mtpipe.settings import Settings
from mtpipe.temperature.token_rule import TokenRule, Uniform


class Arm(Settings):
    """T[i, t] = token_rule(base = schedule(round) + spread[i], H[i, t]); each of the three may be left out."""

    schedule: Schedule | None = Field(default=None, description="over training; by default constant")
    spread: Spread | None = Field(default=None, description="over a group's responses; by default none")
    token: TokenRule = Field(default=Uniform(kind="uniform"), description="within a response")

    @model_validator(mode="after")
    def _no_idle_schedule(self) -> "Arm":
        if self.schedule is not None and self.spread is not None and self.spread.temperatures is not None:
            raise ValueError("absolute spread temperatures leave the schedule no effect; use offsets, or drop it")
        return self

    def base(self, round: int, group_size: int) -> list[float]:
        """The base temperature of each of a group's responses in one round."""
        schedule = self.schedule or Constant(kind="constant", value=self.token.default_base())
        scheduled = schedule.at(round)
        return self.spread.around(scheduled) if self.spread else [scheduled] * group_size
