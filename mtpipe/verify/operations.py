"""What each operation of a formula computes, in mpmath's numbers, and how far its arguments may go."""

import hashlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
from mpmath import mp

from mtpipe.verify.values.exact import TooLarge, Undefined

LARGEST_EXPONENT = 100_000
"""Of two, in any result on the way."""


def hashed(text: str) -> Fraction:
    """A rational between 0 and 1 that belongs to the text."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return Fraction(int.from_bytes(digest, "big") % 1_000_003, 1_000_003)


def to_number(value: Fraction) -> Any:
    return mp.mpf(value.numerator) / value.denominator


def magnitude(value: Any) -> int:
    """The exponent of two of the larger part; very small for zero."""
    parts = value._mpc_ if isinstance(value, mpmath.mpc) else (value._mpf_,)
    return max(int(part[2]) + int(part[3]) if part[1] else -LARGEST_EXPONENT for part in parts)


def some_function(name: str, args: list[Any]) -> Any:
    """A function that is known by its name alone: some smooth one, another for each name."""
    total = to_number(hashed(name))
    for place, argument in enumerate(args):
        if magnitude(argument) > 64:
            raise Undefined("a far argument of an unknown function")
        factor, shift = (to_number(hashed(f"{name} {place} {what}")) for what in ("factor", "shift"))
        total += mp.sin(factor * argument + shift) + argument / 7
    return total


def _power(args: list[Any]) -> Any:
    base, exponent = args
    if base == 0:
        if not mp.re(exponent) > 0:
            raise Undefined("zero to a power that is not positive")
        return mp.mpf(0)
    if magnitude(base) * abs(exponent) > LARGEST_EXPONENT or magnitude(exponent) > 40:
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
        if magnitude(result) > LARGEST_EXPONENT:
            raise TooLarge("a product without bound")
    return result


def _moderate(function: Callable[..., Any], bits: int) -> Callable[[list[Any]], Any]:
    """The function, for arguments below 2^bits alone."""

    def apply(args: list[Any]) -> Any:
        if max(map(magnitude, args)) > bits:
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


CONSTANTS: dict[str, Callable[[], Any]] = {
    "pi": lambda: +mp.pi, "e": lambda: +mp.e, "i": lambda: mp.mpc(0, 1),
}  # fmt: skip
_FAR = 4000
OPERATIONS: dict[str, Callable[[list[Any]], Any]] = {
    "+": lambda args: mp.fsum(args), "*": _product, "/": lambda args: args[0] / args[1], "^": _power, "root": _root,
    "ln": lambda args: mp.log(args[0]), "log": lambda args: mp.log(args[1]) / mp.log(args[0]),
    "abs": lambda args: abs(args[0]), "conjugate": lambda args: mp.conj(args[0]), "re": lambda args: mp.re(args[0]),
    "im": lambda args: mp.im(args[0]), "arg": lambda args: mp.arg(args[0]), "sgn": lambda args: mp.sign(args[0]),
    "degrees": lambda args: args[0] * mp.pi / 180, "floor": _whole_part(mp.floor), "ceil": _whole_part(mp.ceil),
    "max": _of_reals(max), "min": _of_reals(min),
    "factorial": _moderate(_factorial, 14), "doublefactorial": _moderate(mp.fac2, 14),
    "gamma": _moderate(mp.gamma, 14), "binomial": _moderate(mp.binomial, 14),
    **{name: _moderate(getattr(mp, name), _FAR) for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    **{name: _moderate(getattr(mp, short), 16) for name, short in
       {"sinh": "sinh", "cosh": "cosh", "tanh": "tanh"}.items()},
    **{name: _moderate(getattr(mp, short), _FAR) for name, short in
       {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "arcsec": "asec", "arccsc": "acsc",
        "arsinh": "asinh", "arcosh": "acosh", "artanh": "atanh"}.items()},
}  # fmt: skip
