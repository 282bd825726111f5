"""The temperature whose own entropy has a given size: AceReason-Nemotron 1.1, arXiv 2506.13284."""

from typing import Literal

from pydantic import Field

from mtpipe.temperature.controllers.controller import BeforeRound, State
from mtpipe.temperature.controllers.probing import Probing, crossing
from mtpipe.temperature.rules.rule import rounded


class TemperedEntropy(Probing):
    """Every so many rounds, the T at which tokens are drawn with about `target` nats of entropy.

    The authors chose one T by that rule of thumb before each of their stages. Here it is measured: the entropy is
    probed on the grid, and T lies on the straight line between its neighbours there.
    """

    kind: Literal["tempered_entropy"]
    target: float = Field(default=0.3, gt=0, description="nats a token, at the temperature itself")
    every: int = Field(default=1, ge=1, description="rounds from one search to the next")

    def before(self, state: State, ahead: BeforeRound) -> State:
        if state and ahead.round % self.every:
            return state
        found = self.probe(ahead)
        chosen = crossing(self.grid, [one.entropy for one in found], self.target)
        return {"temperature": rounded(chosen), "probe": self.probed(found)}
