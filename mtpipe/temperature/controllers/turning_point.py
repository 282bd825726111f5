"""The temperature at which the entropy starts to explode: TURN, arXiv 2502.05234."""

import math
from typing import Literal

from pydantic import Field

from mtpipe.temperature.controllers.controller import Ascending, BeforeRound, State
from mtpipe.temperature.controllers.entropy_target import LEAST_ENTROPY
from mtpipe.temperature.controllers.probing import Probing


class TurningPoint(Probing):
    """The first T of the grid at which ln H turns from concave to convex, d² ln H / dT² > 0.

    TURN chooses a temperature for decoding once; `every` repeats the search during training. H is the entropy of the
    distributions that tokens are drawn from at T, as probed. Second differences magnify a probe's noise, so it asks
    for more responses than other controllers do. Where ln H stays concave the grid's highest T is taken.
    """

    kind: Literal["turning_point"]
    grid: Ascending = Field(default=[0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6], min_length=3)
    problems: int = Field(default=64, ge=1, description="that a probe asks; the first of the round's")
    responses: int = Field(default=8, ge=2, description="to each of them at each temperature")
    every: int | None = Field(default=None, ge=1, description="rounds from one search to the next; null: search once")

    def before(self, state: State, ahead: BeforeRound) -> State:
        if state and (self.every is None or ahead.round % self.every):
            return state
        found = self.probe(ahead)
        return {"temperature": turning_point(self.grid, [one.entropy for one in found]), "probe": self.probed(found)}


def turning_point(grid: list[float], entropies: list[float]) -> float:
    """The first inner T where the second difference of ln H is above 0, else the last T; `grid` ascends."""
    logs = [math.log(max(entropy, LEAST_ENTROPY)) for entropy in entropies]
    for index in range(1, len(grid) - 1):
        before = (logs[index] - logs[index - 1]) / (grid[index] - grid[index - 1])
        after = (logs[index + 1] - logs[index]) / (grid[index + 1] - grid[index])
        if after > before:
            return grid[index]
    return grid[-1]
