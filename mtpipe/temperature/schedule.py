"""What changes over training, temperatures and the width of a spread: pure functions of the round.

A schedule never accumulates, so that resuming a run, or editing one round of it, is exact. Rounds count
from 0; a round is one batch of rollouts from one policy, which the paper calls a step.
"""

import math
from abc import abstractmethod
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from mtpipe.settings.base import Settings
from mtpipe.settings.plugins import own_code, pick_class, written_in

ScheduledValue = Annotated[float, Field(ge=0)]
"""A temperature, or what a spread is multiplied by; a plan refuses a temperature of 0."""


class Schedule(Settings):
    """A schedule as params.yaml has it."""

    kind: str

    @abstractmethod
    def at(self, round: int) -> float:
        """The temperature of a round, from 0 on, or the factor of a spread."""


class Constant(Schedule):
    """The same temperature in every round."""

    kind: Literal["constant"]
    value: ScheduledValue

    def at(self, round: int) -> float:
        return self.value


class Linear(Schedule):
    """From `start` in round 0 to `end` in round `over`, then constant (the paper's linear rise)."""

    kind: Literal["linear"]
    start: ScheduledValue
    end: ScheduledValue
    over: int = Field(ge=1, description="rounds")

    def at(self, round: int) -> float:
        return self.start + (self.end - self.start) * min(round / self.over, 1.0)


class Staircase(Schedule):
    """`start` plus `increment` after every `every` rounds (the paper's spikes)."""

    kind: Literal["staircase"]
    start: ScheduledValue
    increment: float
    every: int = Field(ge=1, description="rounds")

    def at(self, round: int) -> float:
        return self.start + self.increment * (round // self.every)


class Piecewise(Schedule):
    """Straight lines between `points`, each a pair [round, temperature].

    The points have to reach from round 0 to the last round: what happens outside them is not guessed.
    """

    kind: Literal["piecewise"]
    points: list[tuple[int, ScheduledValue]] = Field(min_length=1)

    @model_validator(mode="after")
    def _rounds_ascend_from_zero(self) -> "Piecewise":
        rounds = [round for round, _ in self.points]
        if rounds[0] != 0 or any(b <= a for a, b in pairwise(rounds)):
            raise ValueError(f"the rounds of the points have to start at 0 and ascend; found {rounds}")
        return self

    def at(self, round: int) -> float:
        """Raises ValueError beyond the last point."""
        last_round, last_value = self.points[-1]
        if round > last_round:
            raise ValueError(f"the points end at round {last_round} and do not cover round {round}; add a point")
        for (left, low), (right, high) in pairwise(self.points):
            if left <= round < right:
                return low + (high - low) * (round - left) / (right - left)
        return last_value


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "linear": Linear,
    "staircase": Staircase,
    "piecewise": Piecewise,
}


def _schedule(found: Any) -> Schedule:
    if isinstance(found, Schedule):
        return found
    return pick_class(found, SCHEDULES, Schedule, "schedule").model_validate(found)


AnySchedule = Annotated[SerializeAsAny[Schedule], BeforeValidator(_schedule)]
"""The settings of any schedule, as a field of other settings."""


def scheduled(schedule: Schedule, round: int) -> float:
    """The value of a round; raises ValueError if it is no number, or if the schedule does not cover the round."""
    with own_code(schedule.kind):
        found = schedule.at(round)
    if not isinstance(found, int | float) or not math.isfinite(found):
        raise ValueError(
            f"{schedule.kind}: `at` in {written_in(type(schedule))} gave {found!r} for round {round}; expected a number"
        )
    return found
