"""Countdown: reach a target from a few numbers, each used exactly once. Harder than `arithmetic`: hours, not minutes.

The problem `3,7,2=13` is answered `3*2=6,6+7=13`: each step takes two of the numbers that are there and puts their
result in their place, until one number is left. Results are facts; which numbers to take, and what to do with them, are
choices, and most of them cannot reach the target any more.
"""

import json
import random
from collections import Counter
from collections.abc import Hashable
from functools import cache
from itertools import combinations
from typing import Any, ClassVar, Literal

from pydantic import Field

from mtpipe.tasks.synthetic.drawing import (
    HarderShare,
    Rows,
    SyntheticTask,
    WarmStartProblems,
    draw_different,
    draw_splits,
)
from mtpipe.tasks.synthetic.steps import Equation, follow_steps
from mtpipe.tasks.vocabulary import NewModelVocabulary
from mtpipe.verify.judgement import Judgement

VOCABULARY = "0123456789+-*/=,>"
PROMPT_END = ">"

Numbers = tuple[int, ...]


class CountdownTask(SyntheticTask):
    """The harder embedded task: reach a target from a few numbers."""

    vocabulary: ClassVar[NewModelVocabulary] = NewModelVocabulary(VOCABULARY, max_positions=512)

    name: Literal["countdown"]
    numbers: int = Field(default=4, ge=3, le=5, description="numbers in a training problem, each to be used once")
    warm_start_problems: WarmStartProblems = 12000
    warm_start_harder_share: HarderShare = 0.1
    worked_answers: int = Field(
        default=8, ge=1, description="answers to each problem of the warm start, drawn one by one"
    )
    on_target: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="share of worked answers that reach the target; the rest are correct arithmetic with another end",
    )

    @property
    def benchmark_names(self) -> list[str]:
        return ["same", "fewer", "larger"]

    def generate_problems(self) -> dict[str, Rows]:
        """The problems of every split, as rows of records.PROBLEMS.

        No two splits share a problem, and the same numbers in another order count as the same problem. `same` has the
        distribution of `train`, `fewer` one number less, `larger` numbers up to half as large again.

        Raises ValueError if the settings do not admit as many different problems.
        """
        taken: set[Hashable] = set()

        def draw(split: str, kind: str, count: int) -> Rows:
            size = self.numbers - 1 if kind == "fewer" else self.numbers
            largest, bound = self.largest, self.bound
            top = largest + largest // 2 if kind == "larger" else largest
            generator = random.Random(f"countdown/{self.seed}/{split}/{kind}")

            def one() -> tuple[tuple[Numbers, int], tuple[list[int], int]] | None:
                drawn = [generator.randint(1, top) for _ in range(size)]
                if kind == "larger" and max(drawn) <= largest:
                    return None
                targets = sorted(reachable(tuple(sorted(drawn)), bound) - {*drawn, 0})
                if not targets:
                    return None
                target = generator.choice(targets)
                return (tuple(sorted(drawn)), target), (drawn, target)

            which = f"for split {split!r} with {size} numbers up to {top} and values up to {bound}"
            return [
                {
                    "task": "countdown",
                    "prompt": f"{','.join(map(str, drawn))}={target}{PROMPT_END}",
                    "answer": str(target),
                    "meta": json.dumps({"numbers": drawn, "bound": bound}),
                }
                for drawn, target in draw_different(count, 100 * count, taken, one, which)
            ]

        return draw_splits(self, ("fewer", "larger"), draw)

    def demonstrations(self, problems: Rows) -> list[dict[str, str]]:
        """Worked answers for the warm start, as many to each problem; a share `on_target` of them makes for the target.

        The others are steps drawn evenly, as true as those. Were all answers to end at their targets, the quickest
        thing to learn would be to assert that the last step does, whatever its result.
        """
        draw = random.Random(f"countdown/{self.seed}/demonstrations")
        rows = []
        for problem in problems:
            meta = json.loads(problem["meta"])
            numbers, bound = tuple(meta["numbers"]), meta["bound"]
            for _ in range(self.worked_answers):
                target = int(problem["answer"]) if draw.random() < self.on_target else None
                steps = solve(numbers, target, bound, draw)
                rows.append(
                    {
                        "problem_id": problem["problem_id"],
                        "prompt": problem["prompt"],
                        "response": ",".join(map(str, steps)),
                    }
                )
        return rows

    @staticmethod
    def judge(problem: dict[str, Any], text: str, finish_reason: str) -> Judgement:
        """Judges a response by whether its steps are true, use what is there, and end at the target."""
        numbers: Numbers = tuple(json.loads(problem["meta"])["numbers"])
        followed = follow_steps(text, finish_reason, "+-*/", numbers, after, _is_not_there)
        if isinstance(followed, Judgement):
            return followed
        if len(followed.left) > 1:
            return followed.unfinished(" and ".join(map(str, followed.left)))
        if followed.answer != problem["answer"]:
            return Judgement("wrong", followed.answer, f"every step is true, but the target is {problem['answer']}")
        return Judgement("correct", followed.answer)


def possible_steps(numbers: Numbers, bound: int) -> list[Equation]:
    """Every step that two of the numbers allow, its result a whole number from 0 to `bound`."""
    steps = set()
    for one, other in combinations(sorted(numbers), 2):
        small, large = one, other
        steps |= {Equation(large, "+", small, large + small), Equation(large, "*", small, large * small)}
        steps.add(Equation(large, "-", small, large - small))
        if small and large % small == 0:
            steps.add(Equation(large, "/", small, large // small))
    return sorted((step for step in steps if step.result <= bound), key=str)


def after(numbers: Numbers, step: Equation) -> Numbers | None:
    """The numbers that a step leaves, sorted; None if it uses a number that is not there."""
    left = Counter(numbers)
    left.subtract([step.left, step.right])
    if min(left.values()) < 0:
        return None
    left[step.result] += 1
    return tuple(sorted(left.elements()))


@cache
def reachable(numbers: Numbers, bound: int) -> frozenset[int]:
    """The targets that sorted numbers reach, all used."""
    if len(numbers) == 1:
        return frozenset(numbers)
    found: frozenset[int] = frozenset()
    for step in possible_steps(numbers, bound):
        found |= reachable(_after(numbers, step), bound)
    return found


def _after(numbers: Numbers, step: Equation) -> Numbers:
    left = after(numbers, step)
    assert left is not None
    return left


def solve(numbers: Numbers, target: int | None, bound: int, draw: random.Random) -> list[Equation]:
    """One way to a reachable target (None: to anywhere), each step drawn evenly among those that still lead there."""
    taken = []
    while len(numbers) > 1:
        steps = possible_steps(numbers, bound)
        if target is not None:
            steps = [step for step in steps if target in reachable(_after(numbers, step), bound)]
        taken.append(draw.choice(steps))
        numbers = _after(numbers, taken[-1])
    return taken


def _is_not_there(numbers: Numbers, step: Equation) -> str:
    return f"{step} does not use two of {' and '.join(map(str, numbers))}"
