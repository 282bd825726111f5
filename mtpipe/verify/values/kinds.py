r"""What an answer can be: the typed values that the reader makes of a text and that comparisons take.

Every class says what stands for it in a text. All are plain data: they travel to a judging process as JSON
(mtpipe/verify/values/messages.py) and back as nothing.
"""

from dataclasses import dataclass, field
from fractions import Fraction

from mtpipe.verify.values.formula import Formula

Powers = tuple[tuple[str, Fraction], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """`size` in base units; `powers` of base units, sorted; a label has no powers and keeps its words."""

    size: Fraction = Fraction(1)
    powers: Powers = ()
    label: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    r"""An exact rational number: 42, -\frac{3}{7}, 2\frac{1}{3}, 1.25, 0.\overline{3}, 4.5e33, twelve, 2^{10}.

    `step` is one in the last place of a number that was written as a decimal, 10^{-30} for 1.325e-27; otherwise None.
    `worked_out`: the text has a formula for it, 41+1.
    """

    value: Fraction
    step: Fraction | None = None
    worked_out: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Expression:
    r"""Any other formula, complex numbers among them: 2\sqrt{3}, x^2-1, 3-4i, \infty."""

    formula: Formula


@dataclass(frozen=True, slots=True)
class Quantity:
    r"""A number or expression with a unit or a label: 14\text{ cm}, \$5, 35\%, 72^\circ, 21\text{ dogs}."""

    amount: Number | Expression
    unit: Unit


@dataclass(frozen=True, slots=True)
class Sequence:
    r"""Members between brackets, or between none.

    `kind` is a pair of brackets, "()", "[]", "(]", "[)", "<>"; "set" for \{…\}; "braces" for {…}, which lost its
    backslashes or is typed; "list" for members between commas, "and" or "or" alone. (0,4) is a point or an interval,
    as the gold says.
    """

    kind: str
    members: tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Combined:
    r"""Sets put together: `op` is "union", "intersection" or "difference"."""

    op: str
    parts: tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class KnownSet:
    r"""`name` is "empty" or "reals"."""

    name: str


@dataclass(frozen=True, slots=True)
class Builder:
    r"""\{x \in \mathbb{R} \mid -4<x<9\}: a letter and what holds of it."""

    letter: Formula
    condition: "Value"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of entries; `bars` for a determinant."""

    rows: tuple[tuple["Value", ...], ...]
    bars: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    r"""Sides with a sign between each two: = < > \le \ge \ne \approx \in. x=5, 1<x\le 2, 2+2=4, f(x)=x^2."""

    sides: tuple["Value", ...]
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Colon:
    r"""A ratio or a time of the day: 3:2, 8:34 \text{ p.m.}. `half` is "am", "pm" or empty.

    `clock`: it may be a time, with its minutes in two digits.
    """

    parts: tuple["Value", ...]
    half: str = ""
    clock: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Digits:
    r"""Digits in a base: 1203_5, \text{A5}_{11}."""

    digits: str
    base: int


@dataclass(frozen=True, slots=True)
class Words:
    r"""Words in order, in lower case and without articles: \text{no solution}.

    `run` is a single run of letters as it was written, which may be a name or a product: MR, LQSX, bd.
    """

    words: tuple[str, ...]
    run: str = ""


@dataclass(frozen=True, slots=True)
class Dots:
    r"""The dots of 2, 4, \ldots, 2k."""


Value = (
    Number | Expression | Quantity | Sequence | Combined | KnownSet | Builder | Matrix | Relation | Colon | Digits
    | Words | Dots
)  # fmt: skip
