"""Temperature within a response (the paper's token level), as settings and as what they resolve to.

A rule's settings come from params.yaml. `resolve` turns them, with the base temperatures of one round's
responses, into a rule that is ready to sample with and is written to the plan. Only `apply.py` computes on
tensors, so that planning needs no torch.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mtpipe.settings import Settings, Temperature

DECIMALS = 6


class Threshold(Settings):
    """The entropy from which a token counts as a reasoning token, in nats or as a quantile.

    A quantile is taken of the untempered entropies of the arm's round before, and in round 0 of a calibration
    sample of the warm start. It is frozen for the round, so no token's temperature depends on batch or order.
    """

    nats: float | None = Field(default=None, ge=0)
    quantile: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> "Threshold":
        if (self.nats is None) == (self.quantile is None):
            raise ValueError("give either nats or quantile, not both and not neither")
        return self


class ResolvedUniform(Settings):
    """Each response at one temperature; `temperature[i]` belongs to response i of the group."""

    kind: Literal["uniform"] = "uniform"
    temperature: list[Temperature]


class ResolvedEntropyThreshold(Settings):
    """Response i samples at `high[i]` where the entropy reaches the threshold, else at `low[i]`."""

    kind: Literal["entropy_threshold"] = "entropy_threshold"
    low: list[Temperature]
    high: list[Temperature]
    threshold: Threshold


ResolvedRule = Annotated[ResolvedUniform | ResolvedEntropyThreshold, Field(discriminator="kind")]


class Uniform(Settings):
    """All tokens of a response at the response's base temperature."""

    kind: Literal["uniform"]

    def default_base(self) -> float:
        return 1.0

    def resolve(self, base: list[float]) -> ResolvedUniform:
        return ResolvedUniform(temperature=_rounded(base))


class EntropyThreshold(Settings):
    """High-entropy 'reasoning' tokens at `high`, low-entropy 'knowledge' tokens at `low`.

    A schedule or a spread shifts the pair by `base - low`. With `moves: high` the shift acts on the
    high-entropy tokens only, as in the authors' code; with `moves: all` on both.
    """

    kind: Literal["entropy_threshold"]
    low: Temperature
    high: Temperature
    threshold: Threshold
    moves: Literal["high", "all"] = "high"

    def default_base(self) -> float:
        return self.low

    def resolve(self, base: list[float]) -> ResolvedUniform | ResolvedEntropyThreshold:
        shifts = [temperature - self.low for temperature in base]
        low = _rounded([self.low + (shift if self.moves == "all" else 0.0) for shift in shifts])
        high = _rounded([self.high + shift for shift in shifts])
        if low == high:
            return ResolvedUniform(temperature=low)
        return ResolvedEntropyThreshold(low=low, high=high, threshold=self.threshold)


TokenRule = Annotated[Uniform | EntropyThreshold, Field(discriminator="kind")]


def _rounded(temperatures: list[float]) -> list[float]:
    return [round(temperature, DECIMALS) for temperature in temperatures]
