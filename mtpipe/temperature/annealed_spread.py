"""Spreads as params.yaml has them: what changes over training resolves into the numbers of each round."""

import math
from abc import abstractmethod
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from mtpipe.settings.base import Settings
from mtpipe.settings.plugins import load_class, own_code, written_in
from mtpipe.temperature.schedule import AnySchedule, scheduled
from mtpipe.temperature.spread import Spread


class AnnealedSpread(Spread):
    """A Spread, with `scale`: what the offsets are multiplied by, round by round, 1 by default."""

    scale: AnySchedule | None = Field(default=None, description="{kind: linear, start: 1, end: 0, over: 4} narrows it")

    @model_validator(mode="after")
    def _scales_offsets(self) -> "AnnealedSpread":
        if self.scale is not None and self.offsets is None:
            raise ValueError("scale multiplies offsets; temperatures and drawn ones have none: drop scale")
        return self

    def at(self, round: int, group_size: int) -> Spread:
        """The spread of one round; raises ValueError if the scale does not cover it."""
        if self.scale is None or self.offsets is None:
            return Spread(offsets=self.offsets, temperatures=self.temperatures, drawn=self.drawn)
        scale = scheduled(self.scale, round)
        return Spread(offsets=[scale * offset for offset in self.offsets])


class OwnSpread(Settings):
    """A spread from outside the package: `{kind: plugins.module.Name, …}` with settings of its own."""

    absolute: ClassVar[bool] = False
    drawn: ClassVar[None] = None
    kind: str

    @abstractmethod
    def offsets(self, round: int, group_size: int) -> list[float]:
        """What is added to the schedule's temperature of a round (from 0), a number for each response of a group."""

    def at(self, round: int, group_size: int) -> Spread:
        """The spread of one round; raises ValueError if the offsets are not a number for each response."""
        with own_code(self.kind):
            found = list(self.offsets(round, group_size))
        if len(found) != group_size or not all(isinstance(one, int | float) and math.isfinite(one) for one in found):
            raise ValueError(
                f"{self.kind}: `offsets` in {written_in(type(self))} gave {found}; expected {group_size} numbers"
            )
        return Spread(offsets=found)


def _spread(found: Any) -> AnnealedSpread | OwnSpread:
    if isinstance(found, AnnealedSpread | OwnSpread):
        return found
    if isinstance(found, dict) and "kind" in found:
        return load_class(str(found["kind"]), OwnSpread, "spread").model_validate(found)
    return AnnealedSpread.model_validate(found)


AnySpread = Annotated[SerializeAsAny[AnnealedSpread | OwnSpread], BeforeValidator(_spread)]
"""The settings of any spread, as a field of other settings."""
