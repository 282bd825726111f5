r"""Equality of formulas by evaluating them to many digits, at several points; runs in judging processes alone.

Two formulas without letters are equal if they agree to 480 digits, relative to the largest number on the way. Two with
letters are equal if they agree so at eight points, small and large, positive and negative, the same ones for both; a
point at which one of two real formulas is not real is passed over, as \sqrt{1/k} and 1/\sqrt{k} differ at k<0 by a
convention alone. That different formulas agree everywhere by chance is out of the question (for polynomials: Schwartz
1980, doi 10.1145/322217.322225); that they do so by design, where no point lies, is not: \lfloor x/10^9\rfloor is 0.

Nothing is simplified, and nothing is parsed: the tree is walked. Each step has a bound on the size of its result, and
all together on their number, so that a hostile formula costs an exception.
"""

from fractions import Fraction
from typing import Any

import mpmath
from mpmath import mp

from mtpipe.verify.compare.algebra import EXACT_ALGEBRA, is_infinite
from mtpipe.verify.operations import (
    CONSTANTS,
    LARGEST_EXPONENT,
    OPERATIONS,
    hashed,
    magnitude,
    some_function,
    to_number,
)
from mtpipe.verify.values.exact import TooLarge, Undefined
from mtpipe.verify.values.formula import Formula, canonical, nodes, symbols

_FEW, _MANY, _SLACK = 60, 500, 20
_STEPS = 200_000
_MOST_TERMS = 2_000
_AGREEING, _LEAST_AGREEING = 8, 3
_SCALES: tuple[tuple[Fraction | int, bool], ...] = (
    (Fraction(1, 3), False), (3, True), (Fraction(2, 3), True), (11, False), (1, False), (50, True),
    (Fraction(1, 5), True), (2, False), (700, True), (5, False), (90_000, False), (Fraction(1, 2), False),
    (7, True), (30, False), (4, False), (Fraction(9, 10), False),
)  # fmt: skip
"""How large the letters are at a point, and whether some of them are negative there."""
_WHOLE_ONLY = frozenset(["sum", "product", "doublefactorial"])
Point = dict[str, Any]


class NumericAlgebra:
    """Answers the questions of compare/algebra.py. Raises TooLarge if a value has no bound."""

    def same(self, left: Formula, right: Formula) -> bool | None:
        """Whether two formulas are equal, wherever both are defined."""
        exact = EXACT_ALGEBRA.same(left, right)
        if exact is not None:
            return exact
        bases = [10, mp.e] if _has_plain_log(left) or _has_plain_log(right) else [10]
        return any(_Trial(base).same(left, right) for base in bases)

    def constant(self, formula: Formula) -> Fraction | None:
        """The value of a real formula without letters, to sixty digits."""
        exact = EXACT_ALGEBRA.constant(formula)
        if exact is not None or symbols(formula) or is_infinite(formula):
            return exact
        try:
            value, largest = _Trial(10).value(formula, {}, _FEW)
        except Undefined:
            return None
        if not _is_real(value, largest, _FEW):
            return None
        return _as_fraction(mp.re(value))

    def multiple(self, left: Formula, right: Formula) -> int | None:
        """The sign of c where left is c times right for one number c; 0 if it is no such multiple."""
        return 1 if canonical(left) == canonical(right) else _Trial(10).multiple(left, right)


def _has_plain_log(formula: Formula) -> bool:
    return any(node.op == "log" and len(node.args) == 1 for node in nodes(formula))


class _Trial:
    """One comparison: what it may still cost, and what `log` without a base is."""

    def __init__(self, base: Any) -> None:
        self.base, self.steps = base, 0
        self.largest = -LARGEST_EXPONENT

    def same(self, left: Formula, right: Formula) -> bool:
        letters = sorted(symbols(left) | symbols(right))
        if not letters:
            return self._agree(left, right, {}) is True
        agreed = 0
        for complex_too in (_has_i(left) or _has_i(right), True):
            agreed = 0
            for point in _points(letters, whole=_needs_whole(left) or _needs_whole(right)):
                verdict = self._agree(left, right, point, real=not complex_too)
                if verdict is False:
                    return False
                agreed += verdict is True
                if agreed == _AGREEING:
                    return True
            if agreed >= _LEAST_AGREEING:
                return True
        return False

    def _agree(self, left: Formula, right: Formula, point: Point, *, real: bool = False) -> bool | None:
        """Whether both have the same value at a point; None where one of them has none, or no real one if asked for."""
        for digits in (_FEW, _MANY):
            try:
                one, first = self.value(left, point, digits)
                other, second = self.value(right, point, digits)
            except Undefined:
                return None
            if real and not (_is_real(one, first, digits) and _is_real(other, second, digits)):
                return None
            with mp.workdps(digits):
                gap = one - other
                if gap != 0 and magnitude(gap) > max(first, second) - int((digits - _SLACK) * 3.3219):
                    return False
        return True

    def multiple(self, left: Formula, right: Formula) -> int:
        letters = sorted(symbols(left) | symbols(right))
        if symbols(left) != symbols(right):
            return 0
        ratio, agreed, sign = None, 0, 0
        for point in _points(letters, whole=_needs_whole(left) or _needs_whole(right)):
            try:
                one, _ = self.value(left, point, _FEW)
                other, _ = self.value(right, point, _FEW)
            except Undefined:
                continue
            with mp.workdps(_FEW):
                if other == 0 or one == 0:
                    continue
                found = one / other
                if ratio is None:
                    ratio = found
                elif abs(found - ratio) > abs(ratio) * mp.mpf(10) ** -(_FEW // 2):
                    return 0
            agreed += 1
            if agreed == _AGREEING:
                break
        if ratio is not None and agreed >= _LEAST_AGREEING:
            sign = 1 if mp.re(ratio) > 0 else -1
        return sign

    def value(self, formula: Formula, point: Point, digits: int) -> tuple[Any, int]:
        """The value, and the exponent of two of the largest number on the way. Raises Undefined and TooLarge."""
        with mp.workdps(digits):
            self.largest = -LARGEST_EXPONENT
            try:
                found = self._walk(formula, point)
            except (ZeroDivisionError, ValueError, OverflowError, TypeError, mpmath.libmp.NoConvergence) as error:
                raise Undefined(type(error).__name__) from None
            return found, self.largest

    def _walk(self, node: Formula, point: Point) -> Any:
        self.steps += 1
        if self.steps > _STEPS:
            raise TooLarge("a formula of too many steps")
        if node.op in ("sum", "product"):
            return self._bounded(self._series(node, point))
        if node.op == "number":
            return self._bounded(mp.mpf(node.value.numerator) / node.value.denominator)
        if node.op in ("symbol", "opaque"):
            return self._symbol(node, point)
        args = [self._walk(argument, point) for argument in node.args]
        if node.op == "call":
            return some_function(node.name, args)
        if node.op == "log" and len(args) == 1:
            return self._bounded(mp.log(args[0]) / mp.log(self.base))
        if node.op not in OPERATIONS:
            raise Undefined(node.op)
        return self._bounded(OPERATIONS[node.op](args))

    def _bounded(self, value: Any) -> Any:
        if not mp.isfinite(value):
            raise Undefined("no finite value")
        size = magnitude(value)
        if size > LARGEST_EXPONENT:
            raise TooLarge(f"a value above 2 to the power of {LARGEST_EXPONENT}")
        self.largest = max(self.largest, size)
        return value

    def _symbol(self, node: Formula, point: Point) -> Any:
        if node.op == "symbol" and node.name in CONSTANTS:
            return self._bounded(CONSTANTS[node.name]())
        if node.name in point:
            return self._bounded(point[node.name])
        return self._bounded(to_number(hashed(f"{node.op} {node.name}")))

    def _series(self, node: Formula, point: Point) -> Any:
        body, letter, low, high = node.args
        first, last = (self._whole(bound, point) for bound in (low, high))
        if last - first > _MOST_TERMS:
            raise TooLarge(f"a sum of more than {_MOST_TERMS} terms")
        total = mp.mpf(0 if node.op == "sum" else 1)
        for number in range(first, last + 1):
            term = self._walk(body, {**point, letter.name: mp.mpf(number)})
            total = total + term if node.op == "sum" else total * term
        return total

    def _whole(self, bound: Formula, point: Point) -> int:
        value = self._walk(bound, point)
        nearest = int(mp.nint(mp.re(value)))
        if abs(value - nearest) > mp.mpf(10) ** -20:
            raise Undefined("a sum up to something else than a whole number")
        return nearest


def _points(letters: list[str], *, whole: bool) -> list[Point]:
    """The same letters have the same values for every formula."""
    points = []
    for place, (scale, negative) in enumerate(_SCALES):
        point = {}
        for letter in letters:
            share = hashed(f"{place} {letter}")
            if whole:
                value = Fraction(1 + int(share * 12))
            else:
                value = Fraction(scale) * (Fraction(1, 2) + share)
                if negative and hashed(f"sign {place} {letter}") < Fraction(2, 3):
                    value = -value
            point[letter] = to_number(value)
        points.append(point)
    return points


def _as_fraction(value: Any) -> Fraction:
    sign, mantissa, exponent, _ = value._mpf_
    return Fraction(-int(mantissa) if sign else int(mantissa)) * Fraction(2) ** int(exponent)


def _is_real(value: Any, largest: int, digits: int) -> bool:
    imaginary = mp.im(value)
    return imaginary == 0 or magnitude(imaginary) < largest - int((digits - _SLACK) * 3.3219)


def _has_i(formula: Formula) -> bool:
    return any(node.op == "symbol" and node.name == "i" for node in nodes(formula))


def _needs_whole(formula: Formula) -> bool:
    """Whether letters stand where only whole numbers do, as the end of a sum."""
    return any(node.op in _WHOLE_ONLY and any(map(symbols, node.args[2:] or node.args)) for node in nodes(formula))
