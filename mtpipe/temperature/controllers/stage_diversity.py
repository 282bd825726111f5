"""A temperature that is searched anew at each stage, for the diversity of the first: POLARIS (hkunlp.github.io)."""

from typing import Literal

from pydantic import Field, model_validator

from mtpipe.settings.base import Temperature
from mtpipe.temperature.controllers.controller import BeforeRound, State
from mtpipe.temperature.controllers.probing import Probing, crossing
from mtpipe.temperature.rules.rule import rounded


class StageDiversity(Probing):
    """Every stage of `every` rounds, the T at which responses are as diverse as the first stage's were at `start`.

    Diversity is the share of distinct 4-grams among all 4-grams of the responses to a problem, its mean over problems.
    Both the first stage's and the grid's are probed, in the same way. A policy that grows surer of itself gets hotter.
    """

    kind: Literal["stage_diversity"]
    start: Temperature = Field(default=1.0, description="the first stage's temperature")
    every: int = Field(ge=1, description="rounds of a stage")

    @model_validator(mode="after")
    def _start_within_bounds(self) -> "StageDiversity":
        if not self.grid[0] <= self.start <= self.grid[-1]:
            raise ValueError(f"start ({self.start}) has to lie within the grid, {self.grid[0]} to {self.grid[-1]}")
        return self

    def before(self, state: State, ahead: BeforeRound) -> State:
        if not state:
            [first] = ahead.probe([self.start], self.problems, self.responses)
            return {"temperature": self.start, "diversity": first.diversity}
        if ahead.round % self.every:
            return state
        found = self.probe(ahead)
        chosen = crossing(self.grid, [one.diversity for one in found], state["diversity"])
        return {"temperature": rounded(chosen), "diversity": state["diversity"], "probe": self.probed(found)}
