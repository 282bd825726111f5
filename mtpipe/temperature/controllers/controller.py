"""What a controller is: it sets each round's temperature from what the rounds before it showed.

Its state is a small JSON file in the policy folder. So DVC carries it as it carries the weights, and a run that was
killed, or an edited one, goes on exactly.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator

from mtpipe.settings.base import Settings, Temperature

State = dict[str, Any]
"""What JSON can hold; `temperature` is the base temperature of the round that is sampled with it."""


def _ascending(temperatures: list[float]) -> list[float]:
    if any(right <= left for left, right in pairwise(temperatures)):
        raise ValueError(f"the temperatures have to ascend; found {temperatures}")
    return temperatures


Ascending = Annotated[list[Temperature], AfterValidator(_ascending)]
"""Temperatures to choose from, each above the one before."""


@dataclass(frozen=True)
class Probed:
    """What some responses at one temperature show of the policy.

    Attributes:
        entropy: nats a token, of the distributions that the tokens were drawn from; estimated by the mean of
            -log-prob, whose expectation it is.
        diversity: the share of 4-grams of tokens that are distinct among the responses to a problem; the mean over
            problems.
    """

    entropy: float
    diversity: float


@dataclass(frozen=True)
class BeforeRound:
    """What a controller may ask before a round is sampled.

    Attributes:
        uniform: the round's own random number in [0, 1).
        probe: samples from the round's policy at some temperatures, so many problems and responses to each; the same
            problems and random numbers for every temperature.
    """

    round: int
    uniform: float
    probe: Callable[[list[float], int, int], list[Probed]]


@dataclass(frozen=True)
class AfterRound:
    """What a controller may know of a round once its responses are judged, before the policy learns from them.

    Attributes:
        entropy: nats a token, as in Probed, over all responses of the round.
        vocabulary: the number of tokens that the policy chooses from.
        advantages: of each response, as GRPO has them (reward - group's mean, over the standard deviation).
        logprobs_at: for each response the mean log-prob of its tokens (nats) at each of some temperatures.
    """

    entropy: float
    vocabulary: int
    advantages: list[float]
    logprobs_at: Callable[[list[float]], list[list[float]]]


class Controller(Settings):
    """A controller as params.yaml has it."""

    kind: str

    @abstractmethod
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest temperature that it ever sets."""

    @abstractmethod
    def before(self, state: State, ahead: BeforeRound) -> State:
        """Returns the state to sample this round with.

        `state` is what the previous round returned from `after`; `{}` for round 0.
        """

    def after(self, state: State, sampled: AfterRound) -> State:
        """Returns the state to leave to the next round. `state` is the one that this round was sampled with."""
        return state
