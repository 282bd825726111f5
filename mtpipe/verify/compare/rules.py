"""What the rules for each kind are given: what users settle differently, and the comparison of parts."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

from mtpipe.verify.values.kinds import Value


@dataclass(frozen=True, slots=True)
class Rules:
    r"""How an answer may differ from the gold. The policies are settings of params.yaml, reward; docs/verifier.md.

    `places`: decimals that both are rounded to; `tolerance`: an absolute difference.
    `percent`: 45\% answers 0.45 (`value`), and 45 too (`either`).
    `brackets`: whether 2,9 and (2,9), or (2,9) and a column of both, answer each other (`optional`) or not (`strict`).
    `order`: whether lists and sets may come in `any` order or only `as_written`.
    """

    places: int | None = None
    tolerance: Fraction | None = None
    percent: Literal["value", "either"] = "value"
    brackets: Literal["strict", "optional"] = "strict"
    order: Literal["any", "as_written"] = "any"


STRICT = Rules()


class Equal(Protocol):
    """Comparison of two parts of values; `cheap` for one that asks no judging process."""

    def __call__(self, gold: Value, answer: Value, *, cheap: bool = ...) -> bool | None: ...
