"""What a problem says of its golds reaches the comparison, and each verdict its own answer."""

from fractions import Fraction

import pytest

from mtpipe.verify.answers import Gold, judge_answers, judge_cheaply
from mtpipe.verify.compare.rules import Rules
from mtpipe.verify.guard import LONGEST_RESPONSE
from mtpipe.verify.judgement import Judgement
from mtpipe.verify.pool import Undecided


class Backwards:
    """Judges the last comparison first; the second one is correct."""

    def __init__(self) -> None:
        self.rules: list[Rules] = []

    def judge(self, comparisons: list[Undecided]):
        self.rules = [one.rules for one in comparisons]
        verdicts = ["correct" if number == 1 else "wrong" for number in range(len(comparisons))]
        return reversed(list(enumerate(verdicts)))


def test_verdicts_that_come_back_in_another_order_reach_their_own_answers():
    pool, rules = Backwards(), Rules(order="as_written")
    pairs = [(Gold((r"\sqrt{8}+y",), rules=rules), rf"\boxed{{\sqrt{{{n}}}+x}}") for n in (3, 2, 5, 7)]
    advanced: list[int] = []
    found = judge_answers(pairs, pool, lambda: advanced.append(1))
    assert [one.answer for one in found] == [rf"\sqrt{{{n}}}+x" for n in (3, 2, 5, 7)]
    assert [one.verdict for one in found] == ["wrong", "correct", "wrong", "wrong"]
    assert pool.rules == [rules] * 4
    assert len(advanced) == 4


def verdict(gold: Gold, text: str) -> str:
    found = judge_cheaply(gold, text)
    assert isinstance(found, Judgement)
    return found.verdict


def test_a_problems_own_extraction_match_unit_and_tolerance_count():
    tag = Gold.from_meta({"golds": ["4"], "extraction": "answer_tag"})
    assert verdict(tag, r"<answer>4</answer> \boxed{5}") == "correct"
    every = Gold.from_meta({"golds": ["1", "2"], "match": "all"})
    assert [verdict(every, text) for text in (r"\boxed{1,2}", r"\boxed{1}")] == ["correct", "wrong"]
    measured = Gold.from_meta({"golds": ["3"], "unit": "cm"})
    assert [verdict(measured, text) for text in (r"\boxed{3\text{ cm}}", r"\boxed{3\text{ kg}}")] == [
        "correct",
        "wrong",
    ]
    about = Gold.from_meta({"golds": ["3.00"], "tolerance": "0.1"})
    assert about.rules.tolerance == Fraction(1, 10)
    assert verdict(about, r"\boxed{3.05}") == "correct"


@pytest.mark.parametrize(("length", "expected"), [(LONGEST_RESPONSE, "correct"), (LONGEST_RESPONSE + 1, "rejected")])
def test_a_response_beyond_the_longest_is_rejected(length, expected):
    text = r"\boxed{4}"
    assert verdict(Gold(("4",)), "x" * (length - len(text)) + text) == expected
