"""What groups came to, and the response that the report shows first."""

import pytest
from builders import rollout

from mtpipe.measure.group_outcomes import group_outcomes
from mtpipe.measure.token_strip import LONGEST, token_strip


class Letters:
    """Token n is the n-th letter."""

    def of(self, token: int) -> tuple[str, int]:
        return chr(96 + token), 0

    def prompt(self, tokens: list[int]) -> str:
        return "".join(self.of(token)[0] for token in tokens)


def verdicts(**groups: str) -> list[dict]:
    """A row for each letter of a group: `c` is correct; the answer is the letter."""
    return [
        {"problem_id": problem, "sample": sample, "verdict": "correct" if letter == "c" else "wrong", "answer": letter}
        for problem, letters in groups.items()
        for sample, letter in enumerate(letters)
    ]


def responses(judged: list[dict], **changes) -> list:
    return [
        rollout([1, 2], problem_id=row["problem_id"], sample=row["sample"], text=row["answer"], **changes)
        for row in judged
    ]


def test_groups_are_counted_by_their_correct_responses_and_their_texts_and_answers_by_kind():
    judged = verdicts(a="cccc", b="cwwx", c="wwww", d="wxyz")
    rows = responses(judged)
    rows[0].text = "another way to c"
    found = group_outcomes(rows, judged)
    assert (found["groups_right"], found["groups_mixed"], found["groups_wrong"]) == (0.25, 0.25, 0.5)
    assert found["distinct_answers"] == pytest.approx((1 + 3 + 1 + 4) / 16)
    assert found["distinct_responses"] == pytest.approx((2 + 3 + 1 + 4) / 16)


def test_the_strip_is_a_correct_response_of_a_mixed_group_and_without_one_the_first():
    judged = verdicts(a="cc", b="wc")
    found = token_strip(responses(judged), judged, Letters())
    assert (found["problem_id"], found["verdict"], found["tokens"]) == ("b", "correct", ["a", "b"])
    judged = verdicts(a="ww", b="cc")
    assert token_strip(responses(judged), judged, Letters())["problem_id"] == "a"


def test_a_long_response_is_cut_and_each_token_keeps_its_own_numbers():
    judged = verdicts(a="wc")
    count = LONGEST + 5
    rows = [
        rollout([1] * count, problem_id="a", sample=sample, temperatures=list(range(1, count + 1)))
        for sample in range(2)
    ]
    found = token_strip(rows, judged, Letters())
    assert found["temperatures"] == [float(value) for value in range(1, LONGEST + 1)]
    assert len(found["tokens"]) == len(found["entropies"]) == LONGEST
