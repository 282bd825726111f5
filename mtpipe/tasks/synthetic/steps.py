"""Steps `a+b=c`, of which the answers of the synthetic tasks consist."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from sympy import Integer, Rational

OPERATIONS: dict[str, Callable[[Integer, Integer], Rational]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: Rational(a, b),
}
_STEP = re.compile(r"(-?[0-9]{1,9})([+*/-])(-?[0-9]{1,9})=(-?[0-9]{1,9})", re.ASCII)


@dataclass(frozen=True)
class Equation:
    """`left operator right = result`, as it was written."""

    left: int
    operator: str
    right: int
    result: int

    def __str__(self) -> str:
        return f"{self.left}{self.operator}{self.right}={self.result}"

    @classmethod
    def parse(cls, text: str) -> "Equation | None":
        """None where the text is no step. It is only ever matched against a pattern with bounded numbers."""
        match = _STEP.fullmatch(text)
        if match is None:
            return None
        left, operator, right, result = match.groups()
        return cls(int(left), operator, int(right), int(result))

    def fault(self) -> str | None:
        """What is false about the step, by exact arithmetic; None where it is true."""
        if self.operator == "/" and self.right == 0:
            return f"{self.left}/0 has no value"
        value = OPERATIONS[self.operator](Integer(self.left), Integer(self.right))
        return None if value == self.result else f"{self.left}{self.operator}{self.right} is {value}, not {self.result}"
