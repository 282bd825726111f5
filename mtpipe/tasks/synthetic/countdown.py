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
from typing import Any

from mtpipe.tasks.synthetic.drawing import Rows, draw_different, draw_splits
from mtpipe.tasks.synthetic.steps import Equation
from mtpipe.verify.judgement import Judgement

VOCABULARY = "0123456789+-*/=,>"
PROMPT_END = ">"
_MOST_STEPS = 16

Numbers = tuple[int, ...]


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
    """The numbers that a step leaves, sorted; None where it uses a number that is not there."""
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


def generate_problems(
    seed: int,
    numbers: int,
    largest: int,
    bound: int,
    warm_start_problems: int,
    harder_share: float,
    train_problems: int,
    benchmark_problems: int,
) -> dict[str, Rows]:
    """The problems of every split, as rows of records.PROBLEMS.

    No two splits share a problem, and the same numbers in another order count as the same problem. `same` has the
    distribution of `train`, `fewer` one number less, `larger` numbers up to half as large again. Of the warm start's
    problems, a share `harder_share` is of the latter two kinds, half and half.

    Raises ValueError where the settings do not admit as many different problems.
    """
    taken: set[Hashable] = set()

    def draw(split: str, kind: str, count: int) -> Rows:
        size = numbers - 1 if kind == "fewer" else numbers
        top = largest + largest // 2 if kind == "larger" else largest
        generator = random.Random(f"countdown/{seed}/{split}/{kind}")

        def one() -> tuple[tuple[Numbers, int], tuple[list[int], int]] | None:
            drawn = [generator.randint(1, top) for _ in range(size)]
            if kind == "larger" and max(drawn) <= largest:
                return None
            targets = sorted(reachable(tuple(sorted(drawn)), bound) - {*drawn, 0})
            if not targets:
                return None
            target = generator.choice(targets)
            return (tuple(sorted(drawn)), target), (drawn, target)

        rows = [
            {
                "task": "countdown",
                "prompt": f"{','.join(map(str, drawn))}={target}{PROMPT_END}",
                "answer": str(target),
                "meta": json.dumps({"numbers": drawn, "bound": bound}),
            }
            for drawn, target in draw_different(count, 100 * count, taken, one)
        ]
        if len(rows) < count:
            raise ValueError(
                f"split {split!r}: only {len(rows)} of {count} different problems found with {size} numbers up to "
                f"{top} and values up to {bound}; ask for fewer problems, or allow more or larger numbers"
            )
        return rows

    return draw_splits(draw, ("fewer", "larger"), warm_start_problems, harder_share, train_problems, benchmark_problems)


def demonstrations(
    problems: list[dict[str, Any]], worked_answers: int, on_target: float, seed: int
) -> list[dict[str, str]]:
    """Worked answers for the warm start, as many to each problem; a share `on_target` of them makes for the target.

    The others are steps drawn evenly, as true as those. Were all answers to end at their targets, the quickest thing
    to learn would be to assert that the last step does, whatever its result.
    """
    draw = random.Random(f"countdown/{seed}/demonstrations")
    rows = []
    for problem in problems:
        meta = json.loads(problem["meta"])
        numbers, bound = tuple(meta["numbers"]), meta["bound"]
        for _ in range(worked_answers):
            target = int(problem["answer"]) if draw.random() < on_target else None
            steps = solve(numbers, target, bound, draw)
            rows.append(
                {
                    "problem_id": problem["problem_id"],
                    "prompt": problem["prompt"],
                    "response": ",".join(map(str, steps)),
                }
            )
    return rows


def judge(problem: dict[str, Any], text: str, finish_reason: str) -> Judgement:
    """Judges a response by whether its steps are true, use what is there, and end at the target."""
    if not text:
        return Judgement("no_answer", "", "the response is empty")
    pieces = text.split(",")
    if len(pieces) > _MOST_STEPS:
        return Judgement("no_answer", "", f"more than {_MOST_STEPS} steps")
    numbers: Numbers = tuple(json.loads(problem["meta"])["numbers"])
    answer = ""
    for number, piece in enumerate(pieces, start=1):
        step = Equation.parse(piece)
        if step is None:
            if finish_reason == "length" and number == len(pieces):
                return Judgement("unfinished", answer, f"cut off in step {number}")
            return Judgement("no_answer", answer, f"step {number} is not of the form a+b=c")
        answer = str(step.result)
        if fault := step.fault():
            return Judgement("false_step", answer, f"step {number}: {fault}")
        left = after(numbers, step)
        if left is None:
            there = " and ".join(map(str, numbers))
            return Judgement("foreign_step", answer, f"step {number}: {piece} does not use two of {there}")
        numbers = left
    if len(numbers) > 1:
        return Judgement("unfinished", answer, f"{len(pieces)} steps leave {' and '.join(map(str, numbers))}")
    if answer != problem["answer"]:
        return Judgement("wrong", answer, f"every step is true, but the target is {problem['answer']}")
    return Judgement("correct", answer)
