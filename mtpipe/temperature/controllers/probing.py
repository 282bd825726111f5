"""What the controllers share that try a grid of temperatures."""

from itertools import pairwise

from pydantic import Field

from mtpipe.temperature.controllers.controller import Ascending, BeforeRound, Controller, Probed, State


class Probing(Controller):
    """Settings of a controller that probes a grid; the grid's ends are its bounds."""

    grid: Ascending = Field(default=[0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4], min_length=2)
    problems: int = Field(default=32, ge=1, description="that a probe asks; the first of the round's")
    responses: int = Field(default=4, ge=2, description="to each of them at each temperature")

    def bounds(self) -> tuple[float, float]:
        return self.grid[0], self.grid[-1]

    def probe(self, ahead: BeforeRound) -> list[Probed]:
        """What the grid shows."""
        return ahead.probe(self.grid, self.problems, self.responses)

    def probed(self, found: list[Probed]) -> State:
        """The probe as the state keeps it, for whoever wants to look."""
        return {
            "grid": self.grid,
            "entropies": [one.entropy for one in found],
            "diversities": [one.diversity for one in found],
        }


def crossing(grid: list[float], values: list[float], target: float) -> float:
    """The first temperature at which the straight lines between the grid's values reach a target from below.

    The grid's lowest where the values start at or above it, its highest where they never reach it.
    """
    if values[0] >= target:
        return grid[0]
    for (left, low), (right, high) in pairwise(zip(grid, values, strict=True)):
        if low < target <= high:
            return left + (right - left) * (target - low) / (high - low)
    return grid[-1]
