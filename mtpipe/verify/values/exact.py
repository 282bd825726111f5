"""Exact values: complex numbers with rational parts, of at most so many bits, from formulas that are made of such.

What has such a value never needs a judging process. Whatever would be larger than the bound raises TooLarge before it
is computed.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from mtpipe.verify.values.formula import Formula

LARGEST_BITS = 100_000
LARGEST_FACTORIAL = 10_000


class TooLarge(Exception):
    """A value that could not be written down in reasonable time."""


class Undefined(Exception):
    """The formula has no value: a division by zero, 0^0."""


@dataclass(frozen=True, slots=True)
class Exact:
    """A complex number with rational parts."""

    real: Fraction
    imaginary: Fraction = Fraction(0)


_ZERO, _ONE, _I = Exact(Fraction(0)), Exact(Fraction(1)), Exact(Fraction(0), Fraction(1))


def rational(formula: Formula) -> Fraction | None:
    """The formula's value if it is a rational number; None if it is another, or this module cannot tell."""
    try:
        found = exact(formula)
    except (TooLarge, Undefined):
        return None
    return None if found is None or found.imaginary else found.real


@lru_cache(maxsize=4096)
def exact(formula: Formula) -> Exact | None:
    """The value if it follows by exact arithmetic alone; None otherwise. Raises TooLarge and Undefined."""
    if formula.op == "number":
        return Exact(formula.value)
    if formula.op == "symbol":
        return _I if formula.name == "i" else None
    if formula.op not in _OPERATIONS:
        return None
    args = []
    for argument in formula.args:
        found = exact(argument)
        if found is None:
            return None
        args.append(found)
    result = _OPERATIONS[formula.op](args)
    if result is not None:
        _bound(_bits(result.real))
        _bound(_bits(result.imaginary))
    return result


def _bits(number: Fraction) -> int:
    return number.numerator.bit_length() + number.denominator.bit_length()


def _bound(bits: float) -> None:
    if bits > LARGEST_BITS:
        raise TooLarge(f"a value of more than {LARGEST_BITS} bits")


def _sum(args: list[Exact]) -> Exact:
    return Exact(sum((one.real for one in args), Fraction(0)), sum((one.imaginary for one in args), Fraction(0)))


def _times(left: Exact, right: Exact) -> Exact:
    if not left.imaginary and not right.imaginary:
        return Exact(left.real * right.real)
    return Exact(
        left.real * right.real - left.imaginary * right.imaginary,
        left.real * right.imaginary + left.imaginary * right.real,
    )


def _product(args: list[Exact]) -> Exact:
    result = _ONE
    for one in args:
        result = _times(result, one)
        _bound(_bits(result.real) + _bits(result.imaginary))
    return result


def _inverse(one: Exact) -> Exact:
    square = one.real**2 + one.imaginary**2
    if square == 0:
        raise Undefined("a division by zero")
    return Exact(one.real / square, -one.imaginary / square)


def _quotient(args: list[Exact]) -> Exact:
    return _times(args[0], _inverse(args[1]))


def _power(args: list[Exact]) -> Exact | None:
    base, exponent = args
    if exponent.imaginary:
        return None
    if exponent.real.denominator != 1:
        return None if base.imaginary else _rational_power(base.real, exponent.real)
    power = exponent.real.numerator
    if base == _ZERO:
        if power <= 0:
            raise Undefined("zero to a power that is not positive")
        return _ZERO
    if base.real in (1, -1) and not base.imaginary:
        return Exact(base.real if power % 2 else Fraction(1))
    if base.imaginary in (1, -1) and not base.real:
        power %= 4
    _bound(abs(power) * max(_bits(base.real), _bits(base.imaginary)))
    if not base.imaginary:
        return Exact(base.real**power)
    result, square, left = _ONE, base, abs(power)
    while left:
        if left & 1:
            result = _times(result, square)
        square, left = _times(square, square), left >> 1
    return _inverse(result) if power < 0 else result


def _rational_power(base: Fraction, exponent: Fraction) -> Exact | None:
    """8^{2/3} is 4; None if the root is irrational or not real."""
    if base <= 0 or exponent.denominator > 64:
        return Exact(Fraction(0)) if base == 0 and exponent > 0 else None
    top, bottom = _whole_root(base.numerator, exponent.denominator), _whole_root(base.denominator, exponent.denominator)
    if top is None or bottom is None:
        return None
    return _power([Exact(Fraction(top, bottom)), Exact(Fraction(exponent.numerator))])


def _whole_root(number: int, index: int) -> int | None:
    """The root of a positive whole number, if it is whole; by Newton's method."""
    if index == 2:
        root = math.isqrt(number)
    else:
        if number.bit_length() > 4000:
            return None
        root = 1 << -(-number.bit_length() // index)
        while True:
            lower = ((index - 1) * root + number // root ** (index - 1)) // index
            if lower >= root:
                break
            root = lower
    return root if root**index == number else None


def _root(args: list[Exact]) -> Exact | None:
    index, radicand = args
    if index.imaginary or index.real.denominator != 1 or index.real <= 0 or radicand.imaginary:
        return None
    if radicand.real < 0:
        positive = _rational_power(-radicand.real, 1 / index.real)
        if positive is None or (index.real % 2 == 0 and index.real != 2):
            return None
        return Exact(-positive.real) if index.real % 2 else Exact(Fraction(0), positive.real)
    return _rational_power(radicand.real, 1 / index.real)


def _whole(one: Exact, what: str) -> int:
    if one.imaginary or one.real.denominator != 1 or one.real < 0:
        raise Undefined(f"{what} of something else than a whole number from 0")
    if one.real > LARGEST_FACTORIAL:
        raise TooLarge(f"{what} above {LARGEST_FACTORIAL}")
    return one.real.numerator


def _factorial(args: list[Exact]) -> Exact:
    return Exact(Fraction(math.factorial(_whole(args[0], "a factorial"))))


def _double_factorial(args: list[Exact]) -> Exact:
    """Of 7: 7·5·3·1."""
    return Exact(Fraction(math.prod(range(_whole(args[0], "a double factorial"), 1, -2))))


def _binomial(args: list[Exact]) -> Exact | None:
    if any(one.imaginary or one.real.denominator != 1 or one.real < 0 for one in args):
        return None
    top, bottom = (one.real.numerator for one in args)
    if bottom > top:
        return _ZERO
    return Exact(Fraction(math.comb(_whole(args[0], "a binomial"), bottom)))


def _real(args: list[Exact]) -> list[Fraction] | None:
    return None if any(one.imaginary for one in args) else [one.real for one in args]


def _absolute(args: list[Exact]) -> Exact | None:
    one = args[0]
    if not one.imaginary:
        return Exact(abs(one.real))
    return _rational_power(one.real**2 + one.imaginary**2, Fraction(1, 2))


def _of_reals(function, whole: bool = False):  # type: ignore[no-untyped-def]
    def apply(args: list[Exact]) -> Exact | None:
        reals = _real(args)
        if reals is None or (whole and any(one.denominator != 1 for one in reals)):
            return None
        return Exact(Fraction(function(*map(int, reals) if whole else reals)))

    return apply


_OPERATIONS = {
    "+": _sum, "*": _product, "/": _quotient, "^": _power, "root": _root, "factorial": _factorial,
    "doublefactorial": _double_factorial,
    "binomial": _binomial, "abs": _absolute, "floor": _of_reals(math.floor), "ceil": _of_reals(math.ceil),
    "max": _of_reals(max), "min": _of_reals(min), "gcd": _of_reals(math.gcd, whole=True),
    "lcm": _of_reals(math.lcm, whole=True),
}  # fmt: skip
