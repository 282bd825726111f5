"""An arm of the study: how one run's temperatures come about."""

from typing import Any

from pydantic import Field, model_validator

from mtpipe.settings.base import Settings
from mtpipe.settings.plugins import own_code
from mtpipe.temperature.annealed_spread import AnySpread
from mtpipe.temperature.controllers import AnyController
from mtpipe.temperature.controllers.tampo import Tampo
from mtpipe.temperature.mixed_cuts import MixedCuts
from mtpipe.temperature.rules import AnyRule
from mtpipe.temperature.rules.uniform import Uniform
from mtpipe.temperature.schedule import AnySchedule, Constant, scheduled
from mtpipe.temperature.truncation import NONE, Truncation


class Arm(Settings):
    """T[i, t] = token_rule(base = schedule(round) + spread[i], H[i, t], t); each of the three may be left out."""

    schedule: AnySchedule | None = Field(default=None, description="over training; by default constant")
    spread: AnySpread | None = Field(default=None, description="over a group's responses; by default none")
    token: AnyRule = Field(default=Uniform(kind="uniform"), description="within a response")
    truncation: Truncation = Field(default=NONE, description="which tokens may be drawn; by default all")
    mixed_cuts: MixedCuts | None = Field(
        default=None, description="part of a group drawn evenly among the likeliest tokens; by default none"
    )
    controller: AnyController | None = Field(default=None, description="in the schedule's place, from rollouts")
    update: dict[str, Any] = Field(default={}, description="settings of the loss that are this arm's own")

    @model_validator(mode="after")
    def _no_idle_schedule(self) -> "Arm":
        if self.schedule is not None and self.spread is not None and self.spread.absolute:
            raise ValueError("absolute spread temperatures leave the schedule no effect; use offsets, or drop it")
        return self

    @model_validator(mode="after")
    def _controller_has_its_way(self) -> "Arm":
        if self.controller is None:
            return self
        if self.schedule is not None:
            raise ValueError("a controller sets the temperature that a schedule would set; drop one of them")
        if self.spread is not None and self.spread.absolute:
            raise ValueError("absolute spread temperatures leave the controller no effect; use offsets, or drop it")
        if isinstance(self.controller, Tampo) and not isinstance(self.token, Uniform):
            raise ValueError(
                f"tampo asks how likely a response was at one temperature for all of its tokens, which a token rule "
                f"({self.token.kind}) does not have; drop one of them"
            )
        if isinstance(self.controller, Tampo) and (self.truncation.cuts or self.mixed_cuts):
            raise ValueError(
                f"tampo asks how likely a response was at other temperatures, where "
                f"{'mixed_cuts' if self.mixed_cuts else 'truncation'} would have cut other tokens; drop one of them"
            )
        return self

    @model_validator(mode="after")
    def _one_cut(self) -> "Arm":
        if self.mixed_cuts is not None and self.truncation.cuts:
            raise ValueError("mixed_cuts and truncation both say which tokens may be drawn; drop one of them")
        return self

    def scheduled(self, round: int) -> float:
        """The schedule's temperature of a round."""
        if self.schedule is not None:
            return scheduled(self.schedule, round)
        with own_code(self.token.kind):
            return scheduled(Constant(kind="constant", value=self.token.default_base()), round)
