"""Steps `a+b=c`, of which the answers of the synthetic tasks consist."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

from mtpipe.verify.judgement import Judgement

Left = TypeVar("Left")
"""What is left to do of a problem."""

OPERATIONS: dict[str, Callable[[int, int], int | Fraction]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: Fraction(a, b),
}
_MOST_STEPS = 16
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
        """None if the text is no step. It is only ever matched against a pattern with bounded numbers."""
        match = _STEP.fullmatch(text)
        if match is None:
            return None
        left, operator, right, result = match.groups()
        return cls(int(left), operator, int(right), int(result))

    def fault(self) -> str | None:
        """What is false about the step, by exact arithmetic; None if it is true."""
        if self.operator == "/" and self.right == 0:
            return f"{self.left}/0 has no value"
        value = OPERATIONS[self.operator](self.left, self.right)
        return None if value == self.result else f"{self.left}{self.operator}{self.right} is {value}, not {self.result}"


@dataclass(frozen=True)
class Followed(Generic[Left]):
    """A response whose steps are all true and follow from the problem."""

    left: Left
    steps: int
    answer: str
    """The last step's result."""

    def unfinished(self, left: str) -> Judgement:
        return Judgement("unfinished", self.answer, f"{self.steps} steps leave {left}")


def follow_steps(
    text: str,
    finish_reason: str,
    operators: str,
    left: Left,
    after: Callable[[Left, Equation], Left | None],
    foreign: Callable[[Left, Equation], str],
) -> Followed[Left] | Judgement:
    """Follows a response step by step, up to the first that is no step, false, or does not follow from the problem.

    Args:
        operators: those that a step of the task may have.
        left: what is to do.
        after: what a step leaves to do; None or nothing if it does not follow.
        foreign: why it does not.
    """
    if not text:
        return Judgement("no_answer", "", "the response is empty")
    pieces = text.split(",")
    if len(pieces) > _MOST_STEPS:
        return Judgement("no_answer", "", f"more than {_MOST_STEPS} steps")
    answer = ""
    for number, piece in enumerate(pieces, start=1):
        step = Equation.parse(piece)
        if step is None or step.operator not in operators:
            if finish_reason == "length" and number == len(pieces):
                return Judgement("unfinished", answer, f"cut off in step {number}")
            return Judgement("no_answer", answer, f"step {number} is not of the form a+b=c")
        answer = str(step.result)
        if fault := step.fault():
            return Judgement("false_step", answer, f"step {number}: {fault}")
        remaining = after(left, step)
        if not remaining:
            return Judgement("foreign_step", answer, f"step {number}: {foreign(left, step)}")
        left = remaining
    return Followed(left, len(pieces), answer)
