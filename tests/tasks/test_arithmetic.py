import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.tasks.synthetic.arithmetic import (
    ArithmeticTask,
    Sum,
    choice_tokens,
    solve,
    worked_answer,
)

PROBLEM = {"prompt": "2+9*3-4>", "answer": "25"}
SMALL = ArithmeticTask(
    name="arithmetic",
    warm_start_problems=200,
    warm_start_harder_share=0.4,
    train_problems=300,
    benchmark_problems=100,
)
SPLITS = SMALL.generate_problems()


@pytest.mark.parametrize(
    ("text", "finish_reason", "verdict", "detail"),
    [
        ("9*3=27,2+27=29,29-4=25", "stop", "correct", ""),
        ("9*3=27,27-4=23,2+23=25", "stop", "correct", ""),
        ("2+9=11,11*3=33,33-4=29", "stop", "wrong", "a wrong order"),
        ("9*3=28,2+28=30,30-4=26", "stop", "false_step", "step 1: 9*3 is 27, not 28"),
        ("9*3=27,2+27=29,29-4=26", "stop", "false_step", "step 3"),
        ("5*5=25", "stop", "foreign_step", "5*5 does not stand in what is left"),
        ("9*3=27,2+27=29,25*1=25", "stop", "foreign_step", "step 3"),
        ("9*3=27,2+27=29", "stop", "unfinished", "2 steps leave 29-4"),
        ("9*3=27,2+27=29,29-", "length", "unfinished", "cut off in step 3"),
        ("9*3=27,2+27=29,29-", "stop", "no_answer", "step 3"),
        ("9*3=27,,", "stop", "no_answer", "step 2"),
        ("25", "stop", "no_answer", "step 1"),
        ("", "stop", "no_answer", "empty"),
        ("9*3=27," * 40, "length", "no_answer", "more than"),
        ("9*3=27,2+27=29,29-4=25,25-0=25", "stop", "foreign_step", "step 4"),
        ("٩*٣=٢٧", "stop", "no_answer", "step 1"),
        ("9" * 5000 + "*3=27", "stop", "no_answer", "step 1"),
        ("__import__('os').system('true')", "stop", "no_answer", "step 1"),
    ],
)
def test_a_verdict_says_what_is_wrong(text, finish_reason, verdict, detail):
    judgement = ArithmeticTask.judge(PROBLEM, text, finish_reason)
    assert judgement.verdict == verdict
    assert detail in judgement.detail


def test_a_pair_that_stands_twice_may_be_taken_at_either_place():
    problem = {"prompt": "2+3*2+3>", "answer": "11"}
    assert ArithmeticTask.judge(problem, "3*2=6,2+6=8,8+3=11", "stop").verdict == "correct"
    assert ArithmeticTask.judge(problem, "2+3=5,2+3=5,5*5=25", "stop").verdict == "wrong"


@given(st.text(max_size=60) | st.text("0123456789+-*=,", max_size=60), st.sampled_from(["stop", "length"]))
def test_judging_never_raises(text, finish_reason):
    ArithmeticTask.judge(PROBLEM, text, finish_reason)


def test_every_worked_answer_in_the_right_order_is_correct_and_every_other_is_wrong():
    for problem in SPLITS["train"]:
        expression = Sum.parse(problem["prompt"].rstrip(">"))
        assert ArithmeticTask.judge(problem, worked_answer(expression, "precedence"), "stop").verdict == "correct"
        assert ArithmeticTask.judge(problem, worked_answer(expression, "left_to_right"), "stop").verdict == "wrong"


def test_answers_are_those_of_pythons_own_arithmetic():
    for split in SPLITS.values():
        for problem in split:
            assert str(eval(problem["prompt"].rstrip(">"))) == problem["answer"]  # noqa: S307 - our own digits


def test_no_problem_is_in_two_splits_or_twice_in_one():
    prompts = [problem["prompt"] for split in SPLITS.values() for problem in split]
    assert len(prompts) == len(set(prompts)) == 3 * 100 + 300 + 200


def test_benchmarks_are_longer_and_larger_as_they_say():
    numbers = {name: [Sum.parse(row["prompt"].rstrip(">")).numbers for row in SPLITS[name]] for name in SPLITS}
    assert {len(found) for found in numbers["same"]} == {len(found) for found in numbers["train"]} == {4}
    assert {len(found) for found in numbers["longer"]} == {5}
    assert all(max(found) > 9 for found in numbers["larger"])
    assert all(max(found) <= 9 for found in numbers["train"])


def test_generation_is_a_function_of_the_seed():
    other = SMALL.model_copy(update={"seed": 4})
    assert SMALL.generate_problems() == SPLITS
    assert other.generate_problems() == other.generate_problems() != SPLITS


@pytest.mark.slow
def test_more_problems_than_there_are_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=r"different problems found for split .* with 3 operands up to 2"):
        SMALL.model_copy(update={"operands": 3, "largest": 2}).generate_problems()


def test_the_share_of_right_orders_is_as_asked():
    rows = SMALL.demonstrations(SPLITS["train"])
    by_id = {problem["problem_id"]: problem for problem in SPLITS["train"]}
    right = [
        ArithmeticTask.judge(by_id[row["problem_id"]], row["response"], "stop").verdict == "correct" for row in rows
    ]
    assert 0.25 < sum(right) / len(right) < 0.45
    assert sum(
        ArithmeticTask.judge(by_id[row["problem_id"]], row["response"], "stop").verdict == "wrong" for row in rows
    ) == len(right) - sum(right)


def test_solving_by_precedence_takes_products_first_and_then_goes_left_to_right():
    assert [step[1:] for step in solve(Sum.parse("8-2*3-1"), "precedence")] == [
        (2, "*", 3, 6),
        (8, "-", 6, 2),
        (2, "-", 1, 1),
    ]


@pytest.mark.parametrize(
    ("prompt", "text", "marked"),
    [
        ("2+9*3-4>", "9*3=27,2+27=29,29-4=25", "[9]*3=27,2+27=29,29-4=25"),
        ("2+9*3-4>", "2+9=11,11*3=33,33-4=29", "[2]+9=11,11*3=33,33-4=29"),
        ("2+2*3>", "2*3=6,2+6=8", "2[*]3=6,2+6=8"),
        ("1+5-1*4>", "1*4=4,1+5=6,6-4=2", "1[*]4=4,1+5=6,6-4=2"),
        ("1+5-1*4>", "1+5=6,6-1=5,5*4=20", "1[+]5=6,[6]-1=5,5*4=20"),
        ("4-1+12*1>", "4-1=3,12*1", "[4]-1=3,[1]2*1"),
        ("2+9*3>", "9+9=18,2+18", "[9]+9=18,2+18"),
        ("2+9*3>", "", ""),
    ],
)
def test_a_choice_stands_where_the_two_orders_part(prompt, text, marked):
    chosen = choice_tokens(prompt, text)
    assert "".join(f"[{c}]" if chose else c for c, chose in zip(text, chosen, strict=True)) == marked
