"""Where the answer stands in a response."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.verify.extraction import EXTRACTION_RULES, extract

PIECES = [
    "1", "27.0", "x", "=", ",", " ", "{", "}", "\\", "$", ".", r"\boxed{", r"\boxed 3", r"\fbox{", r"\frac{1}{2}",
    "####", "\n", " and ", " or ", "answer is", "<answer>", "</answer>", "<think>", "</think>", "Answer:",
    "therefore ", "**", "<|im_end|>", r"\[", r"\]", "Final answer:", "word", "is ",
]  # fmt: skip
latexish = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))


@given(latexish, st.sampled_from(EXTRACTION_RULES))
def test_extraction_never_raises(text, rule):
    found = extract(text, rule)
    assert found is None or isinstance(found, str)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{1} or rather \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{\boxed{42}}", "42"),
        (r"\boxed{42} and then \boxed{", "42"),
        (r"\boxed{42} and then \boxed{}", "42"),
        (r"\fbox{7}", "7"),
        (r"$\boxed 2$", "2"),
        (r"$\boxed2$.", "2"),
        ("so \boxed{3}", "3"),
        (r"use \boxed for it: \boxed{14}", "14"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{k = 45} \quad \text{and} \quad \boxed{n = 2}", "k = 45, n = 2"),
        (r"Candidates: \boxed{1}, \boxed{0}", "1, 0"),
        (r"either \boxed{1} or \boxed{0}", "1 or 0"),
        (r"so \boxed{31} and \boxed{31}", "31, 31"),
        (r"\boxed{42} \boxed{1}", "1"),
        (r"<think>\boxed{9}</think> It is \boxed{8}.", "8"),
        (r"\boxed{8} <think> or \boxed{9}", "8"),
        (r"<think>\boxed{9}", None),
        (r"\boxed{42", None),
        (r"\boxed{}", None),
        ("the answer is 42", None),
        ("", None),
    ],
)
def test_the_last_balanced_box_is_the_answer(text, answer):
    assert extract(text, "boxed") == answer


@pytest.mark.parametrize(
    ("rule", "text", "answer"),
    [
        ("answer_tag", "<think>…</think> <answer>\\boxed{3}</answer>", "3"),
        ("answer_tag", "<answer>1</answer> <answer> 2 </answer>", "2"),
        ("answer_tag", "<answer>1", None),
        ("answer_line", "work\nAnswer: $336$\n", "$336$"),
        ("answer_line", "**Answer:** 5\nAnswer: 6", "6"),
        ("answer_line", "**Answer: x^2+1**", "x^2+1"),
        ("answer_line", "ANSWER: **B**", "B"),
        ("answer_line", r"Answer: \boxed{7}", "7"),
        ("answer_line", "the answer is 5", None),
    ],
)
def test_each_template_has_its_rule(rule, text, answer):
    assert extract(text, rule) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{3}", "3"),
        ("The answer is $5,600.", "$5,600"),
        ("The answers are 12 and 15.", "12 and 15"),
        ("After checking, the answer is $69$, $84$.", "$69$, $84$"),
        ("Final Answer: The largest $n$ is 34.", "34"),
        ("Answer: 22 or 23", "22 or 23"),
        (r"We add up. The answer is \frac{3}{4}.", r"\frac{3}{4}"),
        (r"Answer: 2\sqrt{5}", r"2\sqrt{5}"),
        ("The answer is 23.5.", "23.5"),
        ("The answer is 68, altogether.", "68"),
        ("5+32=37 marbles.\n#### 37\nThat is what was asked for, and no more.", "37"),
        ("<answer>4</answer> is my answer", "4"),
        ("✅ Final Answer: **58**", "58"),
        ("Answer:\n\\[\n\\frac{1}{2}\n\\]", r"\frac{1}{2}"),
        ("$$\n\\text{ANSWER: } \\$835\n$$", r"\$835"),
        ("First \\boxed{255}. Final Answer: The final answer is $10,455$. I hope it is correct.", "$10,455$"),
        ("\\boxed{12}. It is right.", "12"),
        ("First compute 8*12.\n96", "96"),
        ("It holds that $x \\geq 5$ is the solution.", "$x \\geq 5$"),
        ("Therefore $x \\geq 5$ is the solution.", "$x \\geq 5$"),
        ("\\frac{10}{9}", "\\frac{10}{9}"),
        ("28 percent", "28 percent"),
        ("The answer is no solution.", "no solution"),
        ("work mentions 34", None),
        ("64 is a nice number but I did not finish.", None),
    ],
)
def test_a_response_without_a_box_is_read_for_its_conclusion(text, answer):
    assert extract(text, "any") == answer


def test_a_hostile_length_takes_linear_time():
    """Each of these takes minutes where a rule is quadratic."""
    runs = [
        r"\boxed{", "$", "<answer>", r"\boxed{1}, ", "{", "answer ", "answer is ", "####", "<think>", "</think>", "\n",
        "therefore ", "is ", r"\[", "a", "1", "Answer: ", "**", "<|a|>", "$1$, ", r"\boxed 1",
    ]  # fmt: skip
    for text in (run * (199_999 // len(run)) for run in runs):
        for rule in EXTRACTION_RULES:
            extract(text, rule)
