"""The temperatures of one round of one arm, as the plan stage writes them and the rollouts read them."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from pydantic import Field

from mtpipe.settings import Settings, Temperature
from mtpipe.temperature.controllers import AnyController
from mtpipe.temperature.controllers.controller import Controller, State
from mtpipe.temperature.entropy_table import entropy_at
from mtpipe.temperature.rules import AnyResolvedRule, AnyRule
from mtpipe.temperature.rules.rule import rounded
from mtpipe.temperature.spread import Spread


class ResponsePlan(Settings):
    """One response's base temperature, which is its sampling temperature in reports, and its tokens' rule."""

    base: Temperature
    rule: AnyResolvedRule

    @classmethod
    def of(cls, token: AnyRule, base: float) -> "ResponsePlan":
        """Raises ValidationError where a temperature would not stay above 0."""
        base = rounded(base)
        return cls(base=base, rule=token.resolve(base))


class OpenRound(Settings):
    """What a round's temperatures come from, where they are known only when it is sampled."""

    scheduled: Temperature | None = Field(description="the schedule's temperature of the round; null: the controller's")
    spread: Spread | None
    token: AnyRule
    controller: AnyController | None = None

    def at(self, temperature: float) -> "OpenRound":
        """The round once its controller has set the temperature."""
        return self.model_copy(update={"scheduled": temperature, "controller": None})

    def response(self, sample: int, number: float) -> ResponsePlan:
        """Response `sample` of a group, given its own random number in [0, 1).

        Raises ValueError while the controller has not set the temperature.
        """
        if self.scheduled is None:
            raise ValueError("a controller sets this round's temperature when it is sampled")
        base = self.spread.base(self.scheduled, sample, number) if self.spread else self.scheduled
        return ResponsePlan.of(self.token, base)


class RoundPlan(Settings):
    """What the rollouts of one round need to know of the arm; one small file of the plan stage.

    It holds resolved numbers wherever they are known beforehand, one ResponsePlan for each response of a group: an edit
    of params.yaml that leads to the same numbers leaves the file, and so everything downstream, as it was.
    """

    arm: str
    round: int = Field(ge=0)
    group: list[ResponsePlan] | OpenRound

    @property
    def controller(self) -> Controller | None:
        """What sets the round's temperature when it is sampled."""
        return self.group.controller if isinstance(self.group, OpenRound) else None

    def at(self, control: State) -> "RoundPlan":
        """The plan at the temperature that the controller's state has; as it is where there is no controller."""
        if self.controller is None or not isinstance(self.group, OpenRound):
            return self
        return self.model_copy(update={"group": self.group.at(control["temperature"])})

    def responses(self) -> list[ResponsePlan]:
        """The group's responses; of an open round the two that its random numbers or its controller reach to."""
        if self.controller is not None and isinstance(self.group, OpenRound):
            ends = zip(self.controller.bounds(), (0.0, 1.0), strict=True)
            return [self.group.at(bound).response(0, number) for bound, number in ends]
        if isinstance(self.group, OpenRound):
            return [self.group.response(0, number) for number in (0.0, 1.0)]
        return self.group


class RoundTemperatures:
    """A round's plan with the state that its policy carries: what each of its responses is sampled with."""

    def __init__(self, plan: RoundPlan, policy: Path):
        self._plan = plan
        self._nats: Callable[[float], float] = cache(partial(entropy_at, policy))

    def response(self, sample: int, number: float) -> ResponsePlan:
        """Response `sample` of a group, its quantiles in nats; `number` is its own random number in [0, 1).

        Raises MtpipeError where the policy lacks the state that the plan needs.
        """
        group = self._plan.group
        response = group.response(sample, number) if isinstance(group, OpenRound) else group[sample]
        return response.model_copy(update={"rule": response.rule.frozen(self._nats)})

    def threshold(self) -> float | None:
        """The entropy (nats) that divides the round's tokens, None where its rules have no such number."""
        group = self._plan.group
        samples = [0] if isinstance(group, OpenRound) else range(len(group))
        found = (getattr(self.response(sample, 0.5).rule, "threshold", None) for sample in samples)
        return next((value for value in found if value is not None), None)
