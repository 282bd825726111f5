"""A learned distribution over temperatures: TAMPO, arXiv 2602.11779."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mtpipe.temperature.controllers.controller import AfterRound, Ascending, BeforeRound, Controller, State

Floats = NDArray[np.float64]


class Tampo(Controller):
    """Each round draws one of the candidates, and moves their scores towards those that favour what earned reward.

    A response says how well each candidate T_k explains it: the mean of its tokens' log-probs at T_k, made weights
    over the candidates by sparsemax. Times its advantage, and its mean over the round's responses, that is T_k's
    score of the round, which an exponential moving average takes up. The probability of T_k is its score after min-max
    normalisation, over the sum; the draw is from the likeliest that together reach `top_p`.
    """

    kind: Literal["tampo"]
    candidates: Ascending = Field(default=[0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5], min_length=2)
    rate: float = Field(default=0.05, gt=0, le=1, description="of the moving average")
    top_p: float = Field(default=0.7, gt=0, le=1)

    def bounds(self) -> tuple[float, float]:
        return self.candidates[0], self.candidates[-1]

    def before(self, state: State, ahead: BeforeRound) -> State:
        scores = state.get("scores", [0.0] * len(self.candidates))
        probabilities = top_p(distribution(np.array(scores)), self.top_p)
        drawn = int(np.searchsorted(probabilities.cumsum(), ahead.uniform * probabilities.sum(), side="right"))
        return {
            "temperature": self.candidates[min(drawn, int(probabilities.nonzero()[0][-1]))],
            "scores": scores,
            "probabilities": probabilities.tolist(),
        }

    def after(self, state: State, sampled: AfterRound) -> State:
        weights = sparsemax(np.array(sampled.logprobs_at(self.candidates)))
        scores = (weights * np.array(sampled.advantages)[:, None]).mean(0)
        moved = (1 - self.rate) * np.array(state["scores"]) + self.rate * scores
        return {**state, "scores": moved.tolist()}


def sparsemax(values: Floats) -> Floats:
    """The nearest probabilities to each row of values [rows, candidates]; arXiv 1602.02068, algorithm 1."""
    ordered = -np.sort(-values, axis=1)
    counts = np.arange(1, values.shape[1] + 1)
    excess = ordered.cumsum(1) - 1
    support = (counts * ordered > excess).sum(1)
    threshold = excess[np.arange(len(values)), support - 1] / support
    return np.maximum(values - threshold[:, None], 0)


def distribution(scores: Floats) -> Floats:
    """Scores after min-max normalisation, over their sum; even where all are equal."""
    span = np.ptp(scores)
    normalised = (scores - scores.min()) / span if span else np.ones_like(scores)
    return normalised / normalised.sum()


def top_p(probabilities: Floats, share: float) -> Floats:
    """The likeliest candidates that together reach the share, the others at 0; equal probabilities go together."""
    ordered = -np.sort(-probabilities)
    last = min(int(np.searchsorted(ordered.cumsum(), share - 1e-12)), len(ordered) - 1)
    kept = np.where(probabilities >= ordered[last], probabilities, 0.0)
    return kept / kept.sum()
