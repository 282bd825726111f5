"""The temperatures of one round of one arm, as the plan stage writes them and the rollouts read them."""

import math
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from pydantic import Field, ValidationError

from mtpipe.errors import MtpipeError
from mtpipe.files import read_json
from mtpipe.settings.base import Settings, Temperature, faults
from mtpipe.settings.plugins import own_code
from mtpipe.temperature.controllers import AnyController
from mtpipe.temperature.controllers.controller import Controller, State
from mtpipe.temperature.entropy_table import entropy_at
from mtpipe.temperature.mixed_cuts import MixedCuts
from mtpipe.temperature.rules import AnyResolvedRule, AnyRule
from mtpipe.temperature.rules.rule import ResolvedRule, rounded
from mtpipe.temperature.spread import Spread
from mtpipe.temperature.truncation import NONE, Truncation


class ResponsePlan(Settings):
    """One response's base temperature, which is its sampling temperature in reports, and its tokens' rule."""

    base: Temperature
    rule: AnyResolvedRule

    @classmethod
    def of(cls, token: AnyRule, base: float, round: int) -> "ResponsePlan":
        """Raises ValidationError, or ValueError for a rule's own span, if a temperature would not stay above 0."""
        base = rounded(base)
        with own_code(token.kind):
            rule = token.resolve(base, round)
        if not isinstance(rule, ResolvedRule):
            raise ValueError(f"{token.kind}: `resolve` gave {rule!r}; expected a ResolvedRule")
        with own_code(token.kind):
            low, high = rule.span()
        if not 0 < low <= high < math.inf:
            raise ValueError(f"the span of token rule {rule.kind} is {low} to {high}; it has to be finite and above 0")
        return cls(base=base, rule=rule)


class OpenRound(Settings):
    """What a round's temperatures come from, where they are known only when it is sampled."""

    round: int = Field(ge=0)
    scheduled: Temperature | None = Field(description="the schedule's temperature of the round; null: the controller's")
    spread: Spread | None
    token: AnyRule
    controller: AnyController | None = None

    def at(self, temperature: float) -> "OpenRound":
        """The round once its controller has set the temperature."""
        return self.model_copy(update={"scheduled": temperature, "controller": None})

    def response(self, sample: int, uniform: float) -> ResponsePlan:
        """Response `sample` of a group, given its own random number in [0, 1).

        Raises ValueError while the controller has not set the temperature.
        """
        if self.scheduled is None:
            raise ValueError("a controller sets this round's temperature when it is sampled")
        base = self.spread.base(self.scheduled, sample, uniform) if self.spread else self.scheduled
        return ResponsePlan.of(self.token, base, self.round)

    def extremes(self) -> list[ResponsePlan]:
        """The responses with the lowest and the highest base temperature that may be drawn, or set by a controller."""
        if self.controller is not None:
            offsets = (self.spread and self.spread.offsets) or [0.0]
            with own_code(self.controller.kind):
                low, high = self.controller.bounds()
            bases = [low + min(offsets), high + max(offsets)]
        elif self.spread is not None and self.spread.drawn is not None:
            bases = list(self.spread.drawn.span())
        else:
            return [self.response(0, 0.0)]
        return [ResponsePlan.of(self.token, base, self.round) for base in bases]


class RoundPlan(Settings):
    """What the rollouts of one round need to know of the arm; one small file of the plan stage.

    It holds resolved numbers wherever they are known beforehand, one ResponsePlan for each response of a group: an edit
    of params.yaml that leads to the same numbers leaves the file, and so everything downstream, as it was.
    """

    arm: str
    round: int = Field(ge=0)
    group: list[ResponsePlan] | OpenRound
    truncation: Truncation = NONE
    mixed_cuts: MixedCuts | None = None
    sources: dict[str, str] = Field(default={}, description="digests of the code of classes from outside, by file")

    @classmethod
    def read(cls, path: Path) -> "RoundPlan":
        """Reads what the plan stage wrote; raises MtpipeError where it does not fit the code."""
        try:
            return cls.model_validate(read_json(path))
        except ValidationError as error:
            reasons = "; ".join(faults(error))
            raise MtpipeError(f"{path} is not a plan of this version; run `dvc repro plan` again: {reasons}") from None

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
        """The group's responses; of an open round its extremes."""
        return self.group.extremes() if isinstance(self.group, OpenRound) else self.group


class RoundTemperatures:
    """A round's plan with the state that its policy carries: what each of its responses is sampled with."""

    def __init__(self, plan: RoundPlan, policy: Path):
        self._plan = plan
        self.truncation = plan.truncation
        self.mixed_cuts = plan.mixed_cuts
        self._nats: Callable[[float], float] = cache(partial(entropy_at, policy))
        self._planned = cache(self._frozen)

    def response(self, sample: int, uniform: float) -> ResponsePlan:
        """Response `sample` of a group, its quantiles in nats; `uniform` is its own random number in [0, 1).

        Raises MtpipeError if the policy lacks the state that the plan needs.
        """
        return self._planned(sample, uniform if isinstance(self._plan.group, OpenRound) else 0.0)

    def _frozen(self, sample: int, uniform: float) -> ResponsePlan:
        group = self._plan.group
        response = group.response(sample, uniform) if isinstance(group, OpenRound) else group[sample]
        return response.model_copy(update={"rule": response.rule.frozen(self._nats)})

    def threshold(self) -> float | None:
        """The entropy (nats) that divides the round's tokens, None if its rules have no such number."""
        group = self._plan.group
        samples = [0] if isinstance(group, OpenRound) else range(len(group))
        found = (getattr(self.response(sample, 0.5).rule, "threshold", None) for sample in samples)
        return next((value for value in found if value is not None), None)
