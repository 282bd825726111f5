import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.tasks.synthetic.countdown import (
    CountdownTask,
    possible_steps,
    reachable,
    solve,
)

PROBLEM = {"answer": "13", "meta": '{"numbers": [3, 7, 2], "bound": 99}'}
SMALL = CountdownTask(
    name="countdown",
    warm_start_problems=200,
    warm_start_harder_share=0.3,
    train_problems=300,
    benchmark_problems=100,
    worked_answers=3,
)
SPLITS = SMALL.generate_problems()


@pytest.mark.parametrize(
    ("text", "finish_reason", "verdict", "detail"),
    [
        ("3*2=6,6+7=13", "stop", "correct", ""),
        ("2*3=6,7+6=13", "stop", "correct", ""),
        ("3-7=-4,2--4=6", "stop", "wrong", "the target is 13"),
        ("3*2=6,6+7=14", "stop", "false_step", "step 2: 6+7 is 13, not 14"),
        ("7/2=3,3+3=6", "stop", "false_step", "7/2 is 7/2, not 3"),
        ("3/0=0", "stop", "false_step", "3/0 has no value"),
        ("3*3=9,9+4=13", "stop", "foreign_step", "step 1: 3*3=9 does not use two of 3 and 7 and 2"),
        ("7+3=10,10+3=13", "stop", "foreign_step", "step 2"),
        ("3*2=6", "stop", "unfinished", "1 steps leave 6 and 7"),
        ("3*2=6,6+", "length", "unfinished", "cut off in step 2"),
        ("3*2=6,6+", "stop", "no_answer", "step 2"),
        ("13", "stop", "no_answer", "step 1"),
        ("", "stop", "no_answer", "empty"),
        ("3*2=6," * 40, "length", "no_answer", "more than"),
        ("9" * 5000 + "*3=27", "stop", "no_answer", "step 1"),
    ],
)
def test_a_verdict_says_what_is_wrong(text, finish_reason, verdict, detail):
    judgement = CountdownTask.judge(PROBLEM, text, finish_reason)
    assert (judgement.verdict, detail in judgement.detail) == (verdict, True), judgement


@given(st.text(max_size=60) | st.text("0123456789+-*/=,", max_size=60), st.sampled_from(["stop", "length"]))
def test_judging_never_raises(text, finish_reason):
    CountdownTask.judge(PROBLEM, text, finish_reason)


def verdicts(on_target: float) -> list[str]:
    by_id = {problem["problem_id"]: problem for problem in SPLITS["warm_start"]}
    rows = SMALL.model_copy(update={"on_target": on_target}).demonstrations(SPLITS["warm_start"])
    assert len(rows) == 3 * len(by_id)
    return [CountdownTask.judge(by_id[row["problem_id"]], row["response"], "stop").verdict for row in rows]


def test_a_worked_answer_is_correct_or_true_in_every_step_and_elsewhere():
    assert set(verdicts(1.0)) == {"correct"}
    found = verdicts(0.3)
    assert set(found) == {"correct", "wrong"}
    assert 0.25 < found.count("correct") / len(found) < 0.45  # some steps drawn evenly meet the target as well


def test_reachable_targets_are_those_of_a_search_written_otherwise():
    """Against a search over ordered pairs, with lists in place of sorted tuples."""

    def search(numbers: list[int]) -> set[int]:
        if len(numbers) == 1:
            return set(numbers)
        found = set()
        for i, a in enumerate(numbers):
            for j, b in enumerate(numbers):
                rest = [n for k, n in enumerate(numbers) if k not in (i, j)]
                results = {a + b, a * b, a - b if a >= b else -1, a // b if b and a % b == 0 else -1}
                if i != j:
                    found |= {x for result in results if 0 <= result <= 30 for x in search([*rest, result])}
        return found

    for numbers in [(1, 2, 3), (2, 2, 7), (4, 6, 9), (1, 3, 5, 8)]:
        assert reachable(numbers, 30) == search(list(numbers))


@given(st.lists(st.integers(1, 9), min_size=2, max_size=4), st.integers(0, 2**32))
def test_a_solution_uses_every_number_and_ends_at_the_target(numbers, seed):
    draw = random.Random(seed)
    targets = sorted(reachable(tuple(sorted(numbers)), 99))
    target = draw.choice(targets) if targets else None
    if target is not None:
        steps = solve(tuple(numbers), target, 99, draw)
        assert len(steps) == len(numbers) - 1
        assert steps[-1].result == target


def test_a_step_never_leaves_the_whole_numbers_or_the_bound():
    steps = possible_steps((9, 4, 0), 20)
    assert all(step.fault() is None and 0 <= step.result <= 20 for step in steps)
    assert "9*4=36" not in map(str, steps)
    assert not any(step.operator == "/" and step.right == 0 for step in steps)


def test_no_problem_is_in_two_splits_whatever_the_order_of_its_numbers():
    def identity(problem):
        numbers, target = problem["prompt"].rstrip(">").split("=")
        return tuple(sorted(map(int, numbers.split(",")))), int(target)

    found = [identity(problem) for split in SPLITS.values() for problem in split]
    assert len(found) == len(set(found)) == 3 * 100 + 300 + 200


def test_benchmarks_have_fewer_and_larger_numbers_as_they_say():
    def numbers(split):
        return [[int(number) for number in row["prompt"].split("=")[0].split(",")] for row in SPLITS[split]]

    assert {len(found) for found in numbers("same") + numbers("train")} == {4}
    assert {len(found) for found in numbers("fewer")} == {3}
    assert all(max(found) > 9 for found in numbers("larger"))
    warm_start = numbers("warm_start")
    assert sum(len(found) == 3 for found in warm_start) == sum(max(found) > 9 for found in warm_start) == 30


def test_more_problems_than_there_are_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=r"different problems found for split .* with 3 numbers up to 2"):
        SMALL.model_copy(update={"numbers": 3, "largest": 2, "bound": 20}).generate_problems()
