r"""Equality of formulas by evaluating them to many digits, at several points; runs in judging processes alone.

Two formulas without letters are equal if they agree to 480 digits, relative to the largest number on the way. Two with
letters are equal if they agree so at eight points, small and large, positive and negative, the same ones for both; a
point at which one of two real formulas is not real is passed over, as \sqrt{1/k} and 1/\sqrt{k} differ at k<0 by a
convention alone. That different formulas agree everywhere by chance is out of the question (for polynomials: Schwartz
1980, doi 10.1145/322217.322225); that they do so by design, where no point lies, is not: \lfloor x/10^9\rfloor is 0.

Nothing is simplified, and nothing is parsed: the tree is walked. Each step has a bound on the size of its result, and
all together on their number, so that a hostile formula costs an exception.
"""

import hashlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
from mpmath import mp

from mtpipe.verify.compare.algebra import EXACT_ALGEBRA, is_infinite
from mtpipe.verify.values.exact import TooLarge, Undefined
from mtpipe.verify.values.formula import Formula, canonical, nodes, symbols

_FEW, _MANY, _SLACK = 60, 500, 20
_LARGEST_EXPONENT = 100_000
_STEPS = 200_000
_MOST_TERMS = 2_000
_AGREEING, _LEAST_AGREEING = 8, 3
_SCALES: tuple[tuple[Fraction | int, bool], ...] = (
    (Fraction(1, 3), False), (3, True), (Fraction(2, 3), True), (11, False), (1, False), (50, True),
    (Fraction(1, 5), True), (2, False), (700, True), (5, False), (90_000, False), (Fraction(1, 2), False),
    (7, True), (30, False), (4, False), (Fraction(9, 10), False),
)  # fmt: skip
"""How large the letters are at a point, and whether some of them are negative there."""
_WHOLE_ONLY = frozenset(["sum", "product"])
Point = dict[str, Any]


class NumericAlgebra:
    """Answers the questions of compare/algebra.py. Raises TooLarge where a value has no bound."""

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
        """The sign of c where left is c times right for one number c; 0 where it is no such multiple."""
        return 1 if canonical(left) == canonical(right) else _Trial(10).multiple(left, right)


def _has_plain_log(formula: Formula) -> bool:
    return any(node.op == "log" and len(node.args) == 1 for node in nodes(formula))


class _Trial:
    """One comparison: what it may still cost, and what `log` without a base is."""

    def __init__(self, base: Any) -> None:
        self.base, self.steps = base, 0
        self.largest = -_LARGEST_EXPONENT

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
                if gap != 0 and _magnitude(gap) > max(first, second) - int((digits - _SLACK) * 3.3219):
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
            self.largest = -_LARGEST_EXPONENT
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
            return _some_function(node.name, args)
        if node.op == "log" and len(args) == 1:
            return self._bounded(mp.log(args[0]) / mp.log(self.base))
        if node.op not in _OPERATIONS:
            raise Undefined(node.op)
        return self._bounded(_OPERATIONS[node.op](args))

    def _bounded(self, value: Any) -> Any:
        if not mp.isfinite(value):
            raise Undefined("no finite value")
        magnitude = _magnitude(value)
        if magnitude > _LARGEST_EXPONENT:
            raise TooLarge(f"a value above 2 to the power of {_LARGEST_EXPONENT}")
        self.largest = max(self.largest, magnitude)
        return value

    def _symbol(self, node: Formula, point: Point) -> Any:
        if node.op == "symbol" and node.name in _CONSTANTS:
            return self._bounded(_CONSTANTS[node.name]())
        if node.name in point:
            return self._bounded(point[node.name])
        return self._bounded(_to_number(_hashed(f"{node.op} {node.name}")))

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
            share = _hashed(f"{place} {letter}")
            if whole:
                value = Fraction(1 + int(share * 12))
            else:
                value = Fraction(scale) * (Fraction(1, 2) + share)
                if negative and _hashed(f"sign {place} {letter}") < Fraction(2, 3):
                    value = -value
            point[letter] = _to_number(value)
        points.append(point)
    return points


def _hashed(text: str) -> Fraction:
    """A rational between 0 and 1 that belongs to the text."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return Fraction(int.from_bytes(digest, "big") % 1_000_003, 1_000_003)


def _to_number(value: Fraction) -> Any:
    return mp.mpf(value.numerator) / value.denominator


def _as_fraction(value: Any) -> Fraction:
    sign, mantissa, exponent, _ = value._mpf_
    return Fraction(-int(mantissa) if sign else int(mantissa)) * Fraction(2) ** int(exponent)


def _magnitude(value: Any) -> int:
    """The exponent of two of the larger part; very small for zero."""
    parts = value._mpc_ if isinstance(value, mpmath.mpc) else (value._mpf_,)
    return max(int(part[2]) + int(part[3]) if part[1] else -_LARGEST_EXPONENT for part in parts)


def _is_real(value: Any, largest: int, digits: int) -> bool:
    imaginary = mp.im(value)
    return imaginary == 0 or _magnitude(imaginary) < largest - int((digits - _SLACK) * 3.3219)


def _has_i(formula: Formula) -> bool:
    return any(node.op == "symbol" and node.name == "i" for node in nodes(formula))


def _needs_whole(formula: Formula) -> bool:
    """Whether letters stand where only whole numbers do, as the end of a sum."""
    return any(node.op in _WHOLE_ONLY and any(map(symbols, node.args[2:] or node.args)) for node in nodes(formula))


def _some_function(name: str, args: list[Any]) -> Any:
    """A function that is known by its name alone: some smooth one, another for each name."""
    total = _to_number(_hashed(name))
    for place, argument in enumerate(args):
        if _magnitude(argument) > 64:
            raise Undefined("a far argument of an unknown function")
        factor, shift = (_to_number(_hashed(f"{name} {place} {what}")) for what in ("factor", "shift"))
        total += mp.sin(factor * argument + shift) + argument / 7
    return total


def _power(args: list[Any]) -> Any:
    base, exponent = args
    if base == 0:
        if not mp.re(exponent) > 0:
            raise Undefined("zero to a power that is not positive")
        return mp.mpf(0)
    if _magnitude(base) * abs(exponent) > _LARGEST_EXPONENT or _magnitude(exponent) > 40:
        raise TooLarge("a power without bound")
    return mp.power(base, exponent)


def _root(args: list[Any]) -> Any:
    index, radicand = args
    whole = mp.isint(index) and index > 0
    if whole and int(index) % 2 and mp.im(radicand) == 0 and mp.re(radicand) < 0:
        return -mp.power(-mp.re(radicand), 1 / index)
    if index == 2:
        return mp.sqrt(radicand)
    return _power([radicand, 1 / index])


def _product(args: list[Any]) -> Any:
    result = args[0]
    for one in args[1:]:
        result = result * one
        if _magnitude(result) > _LARGEST_EXPONENT:
            raise TooLarge("a product without bound")
    return result


def _moderate(function: Callable[..., Any], bits: int) -> Callable[[list[Any]], Any]:
    """The function, for arguments below 2^bits alone."""

    def apply(args: list[Any]) -> Any:
        if max(map(_magnitude, args)) > bits:
            raise TooLarge("a far argument of a function")
        return function(*args)

    return apply


def _whole_part(function: Callable[[Any], Any]) -> Callable[[list[Any]], Any]:
    """Of a real number; what is as good as whole is taken as whole, so that floor(log_2 8) is 3."""

    def apply(args: list[Any]) -> Any:
        value = mp.re(args[0])
        if mp.im(args[0]) != 0:
            raise Undefined("the whole part of a complex number")
        nearest = mp.nint(value)
        return nearest if abs(value - nearest) < mp.mpf(10) ** -(mp.dps // 2) else function(value)

    return apply


def _factorial(value: Any) -> Any:
    return mp.gamma(value + 1)


def _of_reals(function: Callable[..., Any]) -> Callable[[list[Any]], Any]:
    def apply(args: list[Any]) -> Any:
        if any(mp.im(one) != 0 for one in args):
            raise Undefined("an order of complex numbers")
        return function(*map(mp.re, args))

    return apply


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "pi": lambda: +mp.pi, "e": lambda: +mp.e, "i": lambda: mp.mpc(0, 1),
}  # fmt: skip
_FAR = 4000
_OPERATIONS: dict[str, Callable[[list[Any]], Any]] = {
    "+": lambda args: mp.fsum(args), "*": _product, "/": lambda args: args[0] / args[1], "^": _power, "root": _root,
    "ln": lambda args: mp.log(args[0]), "log": lambda args: mp.log(args[1]) / mp.log(args[0]),
    "abs": lambda args: abs(args[0]), "conjugate": lambda args: mp.conj(args[0]), "re": lambda args: mp.re(args[0]),
    "im": lambda args: mp.im(args[0]), "arg": lambda args: mp.arg(args[0]), "sgn": lambda args: mp.sign(args[0]),
    "degrees": lambda args: args[0] * mp.pi / 180, "floor": _whole_part(mp.floor), "ceil": _whole_part(mp.ceil),
    "max": _of_reals(max), "min": _of_reals(min),
    "factorial": _moderate(_factorial, 14), "gamma": _moderate(mp.gamma, 14), "binomial": _moderate(mp.binomial, 14),
    **{name: _moderate(getattr(mp, name), _FAR) for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    **{name: _moderate(getattr(mp, short), 16) for name, short in
       {"sinh": "sinh", "cosh": "cosh", "tanh": "tanh"}.items()},
    **{name: _moderate(getattr(mp, short), _FAR) for name, short in
       {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "arcsec": "asec", "arccsc": "acsc",
        "arsinh": "asinh", "arcosh": "acosh", "artanh": "atanh"}.items()},
}  # fmt: skip
