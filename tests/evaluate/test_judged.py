import numpy as np
import pytest

from mtpipe.errors import MtpipeError
from mtpipe.evaluate.judged import majority_votes, read_judged
from mtpipe.records import EVALUATION, write_rows


def row(problem: str, sample: int, **found) -> dict:
    given = {"benchmark": "same", "problem_id": problem, "sample": sample, "correct": False, "verdict": "wrong"}
    return {**given, "answer": "1", "tokens": 3, "finish_reason": "stop", "text": "1"} | found


def read(path, rows: list[dict], samples: int = 2):
    write_rows(path / "e.parquet", rows, EVALUATION)
    return read_judged(path / "e.parquet", lambda _: samples)


def test_rows_in_any_order_become_tables_of_problems_by_samples(tmp_path):
    rows = [row("b", 1, correct=True, tokens=4), row("a", 1), row("b", 0, finish_reason="length"), row("a", 0)]
    judged = read(tmp_path, rows)["same"]
    assert judged.problems == ("a", "b")
    assert judged.correct.tolist() == [[False, False], [False, True]]
    assert judged.tokens.tolist() == [[3, 3], [3, 4]]
    assert judged.overlong.tolist() == [[False, False], [True, False]]
    assert judged.example["problem_id"] == "b"


def test_benchmarks_keep_their_order_and_may_have_different_numbers_of_samples(tmp_path):
    rows = [row("x", 0, benchmark="z"), row("a", 0), row("a", 1)]
    write_rows(tmp_path / "e.parquet", rows, EVALUATION)
    found = read_judged(tmp_path / "e.parquet", {"z": 1, "same": 2}.__getitem__)
    assert {name: judged.samples for name, judged in found.items()} == {"z": 1, "same": 2}
    assert list(found) == ["z", "same"]


@pytest.mark.parametrize("samples", [[0], [0, 0], [0, 2], [0, 1, 2], [0, 0, 1]])
def test_a_response_that_is_missing_or_there_twice_is_named_with_its_problem(tmp_path, samples):
    rows = [row("a", 0), row("a", 1), *(row("b", sample) for sample in samples)]
    with pytest.raises(MtpipeError, match=r"problem 'b' has samples .*; expected 0 to 1"):
        read(tmp_path, rows)


def votes(*problems: str) -> np.ndarray | None:
    """Each problem as `answer:verdict answer:verdict …`, with c for correct and w for wrong."""
    pairs = [[pair.split(":") for pair in problem.split()] for problem in problems]
    names = {"c": "correct", "w": "wrong", "f": "false_step"}
    answers = np.array([[answer for answer, _ in problem] for problem in pairs], dtype=object)
    return majority_votes(answers, np.array([[names[verdict] for _, verdict in problem] for problem in pairs]))


def test_the_most_frequent_final_answer_decides():
    assert votes("7:c 7:c 3:w", "7:c 3:w 3:w", "3:w 4:w 5:w").tolist() == [1, 0, 0]


def test_a_tie_counts_by_the_share_of_right_answers_in_it():
    assert votes("7:c 3:w 4:w").tolist() == pytest.approx([1 / 3])
    assert votes("7:c 7:c 3:w 3:w").tolist() == [0.5]


def test_a_response_without_a_final_answer_does_not_vote():
    assert votes("3:f 3:f 7:c", "3:f :w 4:f").tolist() == [1, 0]


def test_there_is_no_majority_where_right_answers_read_differently():
    assert votes("1/2:c 0.5:c 3:w") is None


def test_votes_belong_to_their_problems_in_whatever_order_the_rows_are(tmp_path):
    rows = [
        row("b", 0, answer="7", verdict="correct", correct=True),
        row("a", 1, answer="3"),
        row("b", 1, answer="7", verdict="correct", correct=True),
        row("a", 0, answer="4", finish_reason="length", tokens=9),
    ]
    judged = read(tmp_path, rows)["same"]
    assert judged.majority.tolist() == [0.0, 1.0]
    assert judged.overlong.tolist() == [[True, False], [False, False]]
    assert judged.tokens.tolist() == [[9, 3], [3, 3]]
    assert judged.verdicts == {"correct": 2, "wrong": 2}
