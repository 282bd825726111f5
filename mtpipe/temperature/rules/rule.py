"""What a token rule is: its settings, what they resolve to for one response, and its function of arrays."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mtpipe.settings.base import Settings, Temperature

DECIMALS = 6

SLACK = 1e-5
"""How far a temperature that was computed in float32 may lie outside its span, relative to the highest."""

Array = Any
"""A torch tensor while sampling; a numpy array in tables and pictures, which must not import torch."""


class Quantile(Settings):
    """An entropy that is known when its round starts: a quantile of the untempered entropies of the round before.

    In round 0 it is taken of a calibration sample of the warm start. It is frozen for the round, so no token's
    temperature depends on batch or order.
    """

    quantile: float = Field(ge=0, le=1)


Entropy = Annotated[float, Field(ge=0)]
"""Nats."""

Level = Entropy | Quantile


class EntropyLevel(Settings):
    """An entropy in params.yaml: absolute in `nats`, or as a `quantile` of the round before (see Quantile)."""

    nats: float | None = Field(default=None, ge=0)
    quantile: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> "EntropyLevel":
        if (self.nats is None) == (self.quantile is None):
            raise ValueError("give either nats or quantile, not both and not neither")
        return self

    @property
    def level(self) -> Level:
        return Quantile(quantile=self.quantile) if self.quantile is not None else self.nats or 0.0


@dataclass(frozen=True)
class NextTokens:
    """What rules may know of the tokens that are about to be drawn, one a row.

    Attributes:
        entropies: [rows], nats, of the untempered next-token distributions.
        positions: [rows], how many tokens each row's response has so far.
        line_starts: [rows], bool, whether a line starts with the token; for rules with a `line_end`.
        recent: the entropies of the last tokens drawn, these included; for rules with a `window`.
        uniforms: [rows], float64, a random number in [0, 1) of each token's own, apart from the one that it is drawn
            with; for rules that are `random`.
    """

    entropies: Array
    positions: Array
    line_starts: Array = None
    recent: Array = None
    uniforms: Array = None


class ResolvedRule(Settings):
    """What one response's tokens are sampled with: a kind and its numbers; it stands in the plan and in requests.

    The numbers are fields, each a float, or a Level that `frozen` has made one before sampling starts. A field
    `line_end` asks for NextTokens.line_starts, a field `window` for NextTokens.recent.
    """

    batch_dependent: ClassVar[bool] = False
    """Whether a token's temperature depends on the others that are sampled at the time."""

    random: ClassVar[bool] = False
    """Whether the rule asks for NextTokens.uniforms."""

    depends_on: ClassVar[Literal["entropy", "position"] | None] = None
    """What pictures show the temperature over; None if it is a function of neither alone."""

    kind: str

    @abstractmethod
    def span(self) -> tuple[float, float]:
        """The lowest and the highest temperature that a token may get."""

    def check(self, temperatures: Sequence[float]) -> None:
        """Raises ValueError, naming the token, if one of a response's temperatures is not within the span."""
        low, high = self.span()
        slack = SLACK * high
        for token, found in enumerate(temperatures):
            if not low - slack <= found <= high + slack:  # NaN is not, either
                raise ValueError(f"token rule {self.kind} gave token {token} T = {found}; its span is {low} to {high}")

    @staticmethod
    @abstractmethod
    def at(numbers: Mapping[str, Array], tokens: NextTokens) -> Array:
        """The temperature of each row's next token, [rows].

        Written with operators and `clip` alone, which torch and numpy share. A row's temperature follows from its own
        entry of every array, unless the rule is `batch_dependent`.

        Args:
            numbers: the rows' numbers by name, [rows] each.
        """

    @property
    def numbers(self) -> dict[str, float]:
        """By name; raises ValueError while one is a quantile still."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        for name, value in found.items():
            if isinstance(value, Quantile):
                raise ValueError(f"{self.kind}.{name}: a quantile has to become nats before sampling starts")
        return {name: float(value) for name, value in found.items() if not isinstance(value, str)}

    def frozen(self, nats: Callable[[float], float]) -> Self:
        """With every quantile in nats, given the function that looks one up."""
        levels = {
            name: nats(value.quantile)
            for name in type(self).model_fields
            if isinstance(value := getattr(self, name), Quantile)
        }
        return self.model_copy(update=levels) if levels else self


class Rule(Settings):
    """A token rule as params.yaml has it."""

    resolved: ClassVar[type[ResolvedRule]]
    kind: str

    @abstractmethod
    def default_base(self) -> float:
        """The base temperature where neither schedule nor spread says one."""

    @abstractmethod
    def resolve(self, base: float, round: int) -> ResolvedRule:
        """The rule of a response with this base temperature, in a round (from 0).

        Raises ValidationError if a temperature would not stay above 0.
        """


class TwoTemperatures(Rule):
    """The settings of rules that go from `low` to `high` within a response.

    A schedule or a spread shifts them by `base - low`. With `moves: high` the shift acts on `high` only, as in the
    authors' code of the entropy threshold; with `moves: all` on both.
    """

    low: Temperature
    high: Temperature
    moves: Literal["high", "all"] = "high"

    def default_base(self) -> float:
        return self.low

    def moved(self, base: float) -> tuple[float, float]:
        """`low` and `high` for a base temperature."""
        shift = base - self.low
        return rounded(self.low + (shift if self.moves == "all" else 0.0)), rounded(self.high + shift)


class BetweenTwo(ResolvedRule):
    """A resolved rule whose temperatures go from `low` to `high`."""

    low: Temperature
    high: Temperature

    def span(self) -> tuple[float, float]:
        return min(self.low, self.high), max(self.low, self.high)


def rounded(temperature: float) -> float:
    """Rounds to the digits that plans are written with, so that equal temperatures are equal in a plan."""
    return round(temperature, DECIMALS)
