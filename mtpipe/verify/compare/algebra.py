"""What comparisons ask about formulas, and the answers that need no more than exact arithmetic.

`None` always means: not decided here. A judging process asks mtpipe/verify/numeric.py, which decides more.
"""

from fractions import Fraction
from typing import Protocol

from mtpipe.verify.values.exact import TooLarge, Undefined, exact, rational
from mtpipe.verify.values.formula import INFINITY, Formula, canonical, nodes


class Algebra(Protocol):
    """Three questions about formulas."""

    def same(self, left: Formula, right: Formula) -> bool | None:
        """Whether two formulas are equal, wherever both are defined."""

    def constant(self, formula: Formula) -> Fraction | None:
        """The value of a real formula without letters, exact or to fifty digits."""

    def multiple(self, left: Formula, right: Formula) -> int | None:
        """The sign of c where left is c times right for one number c; 0 if it is no such multiple."""


class ExactAlgebra:
    """Equal trees, and rational and complex numbers."""

    def same(self, left: Formula, right: Formula) -> bool | None:
        """Whether two formulas are equal, if that is to be seen without evaluating anything inexactly."""
        if canonical(left) == canonical(right):
            return True
        if is_infinite(left) or is_infinite(right):
            return False
        if {left.op, right.op} <= {"symbol", "number"} and "symbol" in (left.op, right.op):
            return False if not {"pi", "e", "i"} & {left.name, right.name} else None
        try:
            one, other = exact(left), exact(right)
        except (TooLarge, Undefined):
            return None
        return None if one is None or other is None else one == other

    def constant(self, formula: Formula) -> Fraction | None:
        """The value, if it is rational."""
        return rational(formula)

    def multiple(self, left: Formula, right: Formula) -> int | None:
        """Not decided, but for equal trees."""
        return 1 if canonical(left) == canonical(right) else None


EXACT_ALGEBRA = ExactAlgebra()


def is_infinite(formula: Formula) -> bool:
    """Whether infinity is in it."""
    return any(node.op == "symbol" and node.name == INFINITY for node in nodes(formula))
