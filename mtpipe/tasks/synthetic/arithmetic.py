"""Order-of-operations arithmetic: problems, worked answers, and their judgement.

The problem `2+9*3-4` is answered `9*3=27,2+27=29,29-4=25`: each step replaces two neighbouring numbers by
their result. The results are facts, known once learned; which operation to take next is a choice, and taking
them from left to right gives another, wrong, value in every problem of this task.
"""

import json
import random
import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from mtpipe.tasks.synthetic.drawing import (
    Rows,
    SyntheticTask,
    draw_different,
    draw_splits,
)
from mtpipe.tasks.synthetic.steps import OPERATIONS, Equation, follow_steps
from mtpipe.tasks.vocabulary import NewModelVocabulary
from mtpipe.verify.judgement import Judgement

Order = Literal["precedence", "left_to_right"]
VOCABULARY = "0123456789+-*=,>"
PROMPT_END = ">"


class ArithmeticTask(SyntheticTask):
    """The embedded task: order-of-operations arithmetic."""

    vocabulary: ClassVar[NewModelVocabulary] = NewModelVocabulary(VOCABULARY, max_positions=512)

    name: Literal["arithmetic"]
    operands: int = Field(default=4, ge=3, le=8, description="numbers in a training problem")
    right_order: float = Field(
        default=0.35, ge=0, le=1, description="share of the warm start's answers that obey precedence"
    )

    @property
    def benchmark_names(self) -> list[str]:
        return ["same", "longer", "larger"]

    def generate_problems(self) -> dict[str, Rows]:
        """The problems of every split, as rows of records.PROBLEMS; no problem is in two splits.

        `same` has the distribution of `train`, `longer` one operand more, `larger` numbers up to twice as large. The
        warm start has some of the latter two kinds: it knows their facts, and whether the right order carries over from
        `train` is what these benchmarks ask.

        Raises ValueError if the settings do not admit as many different problems.
        """
        taken: set[Hashable] = set()

        def draw(split: str, kind: str, count: int) -> Rows:
            numbers = self.operands + 1 if kind == "longer" else self.operands
            top = 2 * self.largest if kind == "larger" else self.largest
            generator = random.Random(f"arithmetic/{self.seed}/{split}/{kind}")

            def one() -> tuple[str, Sum] | None:
                expression = _draw(generator, numbers, top)
                too_easy = kind == "larger" and max(expression.numbers) <= self.largest
                return None if too_easy or not _admissible(expression, self.bound) else (str(expression), expression)

            which = f"for split {split!r} with {numbers} operands up to {top} and values within ±{self.bound}"
            return [
                {
                    "task": "arithmetic",
                    "prompt": f"{expression}{PROMPT_END}",
                    "answer": str(solve(expression, "precedence")[-1][-1]),
                    "meta": json.dumps({"operands": numbers, "largest": top}),
                }
                for expression in draw_different(count, 1000 * count, taken, one, which)
            ]

        return draw_splits(self, ("longer", "larger"), draw)

    def demonstrations(self, problems: Rows) -> list[dict[str, str]]:
        """Worked answers for the warm start: a share `right_order` obeys precedence, the rest goes left to right."""
        draw = random.Random(f"arithmetic/{self.seed}/demonstrations")
        rows = []
        for problem in problems:
            order: Order = "precedence" if draw.random() < self.right_order else "left_to_right"
            expression = Sum.parse(problem["prompt"].removesuffix(PROMPT_END))
            rows.append(
                {
                    "problem_id": problem["problem_id"],
                    "prompt": problem["prompt"],
                    "response": worked_answer(expression, order),
                }
            )
        return rows

    @staticmethod
    def judge(problem: dict[str, Any], text: str, finish_reason: str) -> Judgement:
        """Judges a response by its exact value and by whether each step is true and follows from the problem."""
        problem_alone = {Sum.parse(problem["prompt"].removesuffix(PROMPT_END))}
        followed = follow_steps(text, finish_reason, "+-*", problem_alone, _after, _does_not_stand)
        if isinstance(followed, Judgement):
            return followed
        if all(expression.operators for expression in followed.left):
            return followed.unfinished(min(map(str, followed.left)))
        if int(followed.answer) != int(problem["answer"]):
            return Judgement(
                "wrong", followed.answer, f"every step is true, but the value is {problem['answer']}: a wrong order"
            )
        return Judgement("correct", followed.answer)


@dataclass(frozen=True)
class Sum:
    """Numbers joined by operators: `numbers[0] operators[0] numbers[1] …`."""

    numbers: tuple[int, ...]
    operators: tuple[str, ...]

    def __str__(self) -> str:
        rest = "".join(
            operator + str(number) for operator, number in zip(self.operators, self.numbers[1:], strict=True)
        )
        return str(self.numbers[0]) + rest

    @classmethod
    def parse(cls, text: str) -> "Sum":
        """The inverse of str() for expressions of numbers without sign."""
        parts = re.split(r"([+*-])", text)
        return cls(tuple(int(number) for number in parts[::2]), tuple(parts[1::2]))

    def reduce(self, index: int, result: int) -> "Sum":
        """Replaces the operation at `index` and its two numbers by `result`."""
        return Sum(
            (*self.numbers[:index], result, *self.numbers[index + 2 :]),
            (*self.operators[:index], *self.operators[index + 1 :]),
        )


def solve(expression: Sum, order: Order) -> list[tuple[int, int, str, int, int]]:
    """The steps of one way to work an expression: (index, left, operator, right, result)."""
    numbers, operators, steps = list(expression.numbers), list(expression.operators), []
    while operators:
        index = operators.index("*") if order == "precedence" and "*" in operators else 0
        left, operator, right = numbers[index], operators.pop(index), numbers.pop(index + 1)
        numbers[index] = int(OPERATIONS[operator](left, right))
        steps.append((index, left, operator, right, numbers[index]))
    return steps


def worked_answer(expression: Sum, order: Order) -> str:
    """The response text of one way to work an expression."""
    return ",".join(
        f"{left}{operator}{right}={result}" for _, left, operator, right, result in solve(expression, order)
    )


def choice_tokens(prompt: str, text: str) -> list[bool]:
    """For each character of a response whether it chose between the two orders.

    It did where the next operation by precedence and the next from left to right both begin as the step has begun so
    far, and go on with different characters. What follows a step that neither the problem nor its steps lead to counts
    as no choice.
    """
    remaining = {Sum.parse(prompt.removesuffix(PROMPT_END))}
    choices: list[bool] = []
    for piece in text.split(","):
        operations = {
            "{}{}{}=".format(*_step_at(expression, index))
            for expression in remaining
            if expression.operators
            for index in (0, _first_by_precedence(expression))
        }
        for position in range(len(piece)):
            possible = {
                operation[position]
                for operation in operations
                if position < len(operation) and operation[:position] == piece[:position]
            }
            choices.append(len(possible) > 1)
        choices.append(False)  # the comma
        step = Equation.parse(piece)
        remaining = _after(remaining, step) if step else set()
    return choices[: len(text)]


def _first_by_precedence(expression: Sum) -> int:
    return expression.operators.index("*") if "*" in expression.operators else 0


def _does_not_stand(remaining: set[Sum], step: Equation) -> str:
    return f"{step.left}{step.operator}{step.right} does not stand in what is left to do"


def _after(remaining: set[Sum], step: Equation) -> set[Sum]:
    """What a step may leave to do; nothing if it does not stand in what was left."""
    return {
        expression.reduce(index, step.result)
        for expression in remaining
        for index in range(len(expression.operators))
        if _step_at(expression, index) == (step.left, step.operator, step.right)
    }


def _step_at(expression: Sum, index: int) -> tuple[int, str, int]:
    return expression.numbers[index], expression.operators[index], expression.numbers[index + 1]


def _draw(draw: random.Random, operands: int, largest: int) -> Sum:
    return Sum(
        tuple([draw.randint(1, largest) for _ in range(operands)]),
        tuple([draw.choice("+-*") for _ in range(operands - 1)]),
    )


def _admissible(expression: Sum, bound: int) -> bool:
    """Both orders stay within the bound, and they differ in value."""
    right, wrong = solve(expression, "precedence"), solve(expression, "left_to_right")
    return right[-1][-1] != wrong[-1][-1] and all(abs(step[-1]) <= bound for step in [*right, *wrong])
