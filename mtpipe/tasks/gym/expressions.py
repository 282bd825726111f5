"""Judges arithmetic expressions without evaluating them as code: numbers, + - * /, parentheses, exact fractions."""

import re
from fractions import Fraction

UNREADABLE, READABLE = 0.01, 0.05
"""What reasoning-gym gives for an answer that is no expression, and for one that is wrong."""
_TOKEN = re.compile(r"\s*([0-9]{1,9}|[-+*/()])", re.ASCII)
_LONGEST, _DEEPEST = 500, 24


def score_expression(answer: str, numbers: list[int], target: int) -> float:
    """1 if the expression uses exactly these numbers, each as often as given, and is worth the target."""
    try:
        value, used = _Reader(answer).read()
    except (ValueError, ZeroDivisionError):
        return UNREADABLE
    return 1.0 if sorted(used) == sorted(numbers) and value == target else READABLE


class _Reader:
    """Recursive descent over the tokens; raises ValueError for what is no expression."""

    def __init__(self, text: str):
        if len(text) > _LONGEST:
            raise ValueError("too long")
        self._tokens: list[str] = []
        self._numbers: list[int] = []
        position = 0
        text = text.strip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise ValueError(f"no token at {position}")
            self._tokens.append(match[1])
            position = match.end()
        self._next = 0

    def read(self) -> tuple[Fraction, list[int]]:
        """The expression's value, and its numbers in order."""
        value = self._sum(0)
        if self._next < len(self._tokens):
            raise ValueError("something follows the expression")
        return value, self._numbers

    def _sum(self, depth: int) -> Fraction:
        value = self._product(depth)
        while (sign := self._take("+-")) is not None:
            other = self._product(depth)
            value = value + other if sign == "+" else value - other
        return value

    def _product(self, depth: int) -> Fraction:
        value = self._factor(depth)
        while (sign := self._take("*/")) is not None:
            other = self._factor(depth)
            value = value * other if sign == "*" else value / other
        return value

    def _factor(self, depth: int) -> Fraction:
        if depth > _DEEPEST:
            raise ValueError("too deep")
        if (sign := self._take("+-")) is not None:
            value = self._factor(depth + 1)
            return -value if sign == "-" else value
        if self._take("(") is not None:
            value = self._sum(depth + 1)
            if self._take(")") is None:
                raise ValueError("a parenthesis is not closed")
            return value
        if self._next == len(self._tokens) or not self._tokens[self._next].isdigit():
            raise ValueError("a number is missing")
        self._numbers.append(int(self._tokens[self._next]))
        self._next += 1
        return Fraction(self._numbers[-1])

    def _take(self, expected: str) -> str | None:
        """The next token, if it is one of these characters."""
        if self._next == len(self._tokens) or self._tokens[self._next] not in expected:
            return None
        self._next += 1
        return self._tokens[self._next - 1]
