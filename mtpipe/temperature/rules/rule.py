"""What a token rule is: its settings, what they resolve to for one response, and its function of tensors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field

from mtpipe.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

DECIMALS = 6


class Quantile(Settings):
    """An entropy that is known when its round starts: a quantile of the untempered entropies of the round before.

    In round 0 it is taken of a calibration sample of the warm start. It is frozen for the round, so no token's
    temperature depends on batch or order.
    """

    quantile: float = Field(ge=0, le=1)


Entropy = Annotated[float, Field(ge=0)]
"""Nats."""

Level = Entropy | Quantile


@dataclass(frozen=True)
class NextTokens:
    """What rules may know of the tokens that are about to be drawn, one a row.

    Attributes:
        entropies: [rows], nats, of the untempered next-token distributions.
        positions: [rows], how many tokens each row's response has so far.
    """

    entropies: Tensor
    positions: Tensor

    def of(self, rows: Tensor) -> NextTokens:
        """Those of some rows, given by index."""
        return NextTokens(self.entropies[rows], self.positions[rows])


class ResolvedRule(Settings):
    """What one response's tokens are sampled with: a kind and its numbers; it stands in the plan and in requests.

    The numbers are fields, each a float, or a Level that `frozen` has made one before sampling starts.
    """

    kind: str

    @abstractmethod
    def span(self) -> tuple[float, float]:
        """The lowest and the highest temperature that a token may get."""

    @staticmethod
    @abstractmethod
    def at(numbers: Mapping[str, Tensor], tokens: NextTokens) -> Tensor:
        """The temperature of each row's next token, [rows].

        Uses methods of tensors only: planning imports this file, and never torch. A row's temperature follows from
        its own entry of every tensor.

        Args:
            numbers: the rows' numbers by name, [rows] each.
        """

    @property
    def numbers(self) -> dict[str, float]:
        """By name; raises ValueError while one is a quantile still."""
        found = {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}
        for name, value in found.items():
            if isinstance(value, Quantile):
                raise ValueError(f"{self.kind}.{name}: a quantile has to become nats before sampling starts")
        return found

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
    def resolve(self, base: float) -> ResolvedRule:
        """The rule of a response with this base temperature.

        Raises ValidationError where a temperature would not stay above 0.
        """


def rounded(temperature: float) -> float:
    """To the digits of the plan, so that equal temperatures are equal there."""
    return round(temperature, DECIMALS)
