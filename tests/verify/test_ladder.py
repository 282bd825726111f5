"""The ladder's cheap rungs, extraction and normalisation: everything that runs in the parent."""

import subprocess
import sys
from fractions import Fraction

import pytest
from builders import ROOT
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.verify.equivalence import Leniency, compare
from mtpipe.verify.extraction import EXTRACTION_RULES, extract
from mtpipe.verify.guard import refuse
from mtpipe.verify.normalise import normalise, normalise_gold
from mtpipe.verify.numbers import exact, same_number

PIECES = [
    "1", "27.0", "0.5", "x", "=", ",", " ", "{", "}", "(", ")", "[", "]", "\\", "$", "^", "_", "-", "+", "/", "%", ".",
    ";", r"\boxed{", r"\frac", r"\dfrac{1}{2}", r"\text{", r"\text{ cm}", r"\left", r"\pm", r"\%", r"\$", r"\{", r"\}",
    "\n", "e5", r"\circ", r"\,", r"\!", " and ", " or ", "answer is", "<answer>", "</answer>", "Answer:", "therefore ",
    "<|im_end|>", "√", "²",
]  # fmt: skip
latexish = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))


@given(latexish, st.sampled_from(EXTRACTION_RULES))
def test_extraction_never_raises(text, rule):
    found = extract(text, rule)
    assert found is None or isinstance(found, str)


@given(latexish)
def test_normalisation_is_idempotent(text):
    assert normalise(normalise(text)) == normalise(text)


@given(latexish, latexish)
def test_the_cheap_rungs_and_the_guard_never_raise(gold, answer):
    assert compare(gold, answer) in (True, False, None)
    assert refuse(normalise(answer), gold) is None or refuse(normalise(answer), gold)


def spellings(number: Fraction) -> list[str]:
    """Several ways to write a rational."""
    top, bottom = number.numerator, number.denominator
    ways = [
        rf"\frac{{{top}}}{{{bottom}}}",
        f"{top}/{bottom}",
        rf"\dfrac{{{3 * top}}}{{{3 * bottom}}}",
        f"${top}/{bottom}$",
    ]
    if bottom == 1:
        ways += [str(top), f"{top}.0", f"{top:,}", rf"\text{{{top}}}", rf"{top}\text{{ cm}}", f"x = {top}"]
    return ways


plain_numbers = st.fractions(min_value=-(10**7), max_value=10**7, max_denominator=999)


@given(plain_numbers, st.data())
def test_a_number_equals_itself_however_it_is_written(number, data):
    gold, answer = data.draw(st.sampled_from(spellings(number))), data.draw(st.sampled_from(spellings(number)))
    assert compare(gold, answer) is True


@given(plain_numbers, plain_numbers, st.data())
def test_equality_of_plain_numbers_is_symmetric_and_exact(left, right, data):
    one = data.draw(st.sampled_from(spellings(left)[:3]))
    other = data.draw(st.sampled_from(spellings(right)[:3]))
    assert compare(one, other) is compare(other, one) is (left == right)


@given(
    st.from_regex(r"[-+]?\d{0,6}[.,/]?\d{1,8}(e[-+]?\d{1,3})?", fullmatch=True), st.from_regex(r"-?\d{1,6}(\.\d{1,8})?")
)
def test_same_number_is_symmetric(left, right):
    assert same_number(left, right) == same_number(right, left)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{1} or rather \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{\boxed{42}}", "42"),
        (r"\boxed{42} and then \boxed{", "42"),
        (r"\fbox{7}", "7"),
        (r"$\boxed 2$", "2"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{k = 45} \quad \text{and} \quad \boxed{n = 2}", "k = 45, n = 2"),
        (r"Candidates: \boxed{1}, \boxed{0}", "1, 0"),
        (r"\boxed{42} \boxed{1}", "1"),
        (r"\boxed{42", None),
        ("the answer is 42", None),
        ("", None),
    ],
)
def test_the_last_balanced_box_is_the_answer(text, answer):
    assert extract(text, "boxed") == answer


def test_each_template_has_its_rule():
    assert extract("<think>…</think> <answer>\\boxed{3}</answer>", "answer_tag") == "3"
    assert extract("<answer>1</answer> <answer> 2 </answer>", "answer_tag") == "2"
    assert extract("<answer>1", "answer_tag") is None
    assert extract("work\nAnswer: $336$\n", "answer_line") == "$336$"
    assert extract("**Answer:** 5\nAnswer: 6", "answer_line") == "6"
    assert extract("the answer is 5", "answer_line") is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is $5,600.", "$5,600"),
        ("Final Answer: The largest $n$ is 34.", "34"),
        ("It holds that $x \\geq 5$ is the solution.", "x \\geq 5"),
        ("\\frac{10}{9}", "\\frac{10}{9}"),
        ("28 percent", "28 percent"),
        ("work mentions 34", None),
    ],
)
def test_a_response_without_a_box_is_read_for_its_conclusion(text, answer):
    assert extract(text, "free") == answer


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("027", "27"), ("27.0", "27"), ("1,080", "1080"), (r"1{,}450{,}000", "1450000"), (r"32,\! 349", "32349"),
        ("4.5e33", r"4.5\times 10^{33}"), (r"45^\circ", "45"), (r"15\mbox{ cm}^2", "15"), ("100 dollars", "100"),
        (r"\$5,600", "5600"), (r"28 percent", r"28\%"), (r"\left(\dfrac12, 3\right).", r"(\frac{1}{2}, 3)"),
        (r"$1$ and $2$", "1, 2"), ("3t", "3t"), (r"\text{Even}", "Even"), ("1, 2", "1, 2"),
    ],
)  # fmt: skip
def test_normalisation_leaves_one_spelling(text, plain):
    assert normalise_gold(text) == plain


def test_an_empty_gold_is_refused():
    with pytest.raises(ValueError, match="empty"):
        normalise_gold(r" $ $ ")


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("8", "8.0000001", False), ("10/3", "3.33333333", True), ("10/3", "3.33333", False), ("2/21", "0.10", False),
        (r"3.3e-10", r"3.3 \times 10^{-10}", True), (r"4\times 10^{33}", "4e34", False), ("1.22", "1,22", True),
        ("(2,4)", r"\{2,4\}", False), ("(2,4)", "2,4", False), ("(2,4)", "[2,4]", False), ("(2,4)", "(4,2)", False),
        ("42", r"\{42\}", False), ("1,2,3", "3, 1 and 2", True), ("1,2,3", "1,2", False), ("2,-2", r"\pm 2", True),
        ("x=5", "5", True), ("5", "x=5", True), ("x=5", "y=5", False), ("42", "x=1=42", False), ("42", "41+1=42", True),
        (r"28\%", "28", True),
        ("1", r"1\%", False), ("0", r"0\%", False), ("10:30", "1/3", False), ("204_5", "204_{5}", True),
        ("43_5", "43_6", False), (r"x \in [-2,7]", "[-2,7]", True), ("3t", "3", None), (r"\text{even}", "odd", False),
        ("(p,q)=(3,2)", "(3, 2)", True), ("5", "5, 6", False), ("x^2=4", "4", None), ("42", "٤٢", None),
    ],
)  # fmt: skip
def test_what_needs_no_algebra_is_decided_without(gold, answer, equal):
    assert compare(gold, answer) is equal


def test_a_tolerance_is_an_absolute_difference():
    leniency = Leniency(tolerance=Fraction("1e-1"))
    assert compare("5.3", "5.39", leniency) is True
    assert compare("5.3", "5.41", leniency) is False


def test_no_number_of_unbounded_size_is_read():
    assert exact(r"1\times 10^{1000000000}") is None
    assert exact("9" * 400) is None
    assert exact("1/0") is None


def test_a_hostile_length_takes_linear_time():
    """Each of these takes minutes where a rule is quadratic."""
    for text in (
        r"\boxed{" * 28_000,
        "$" * 199_999,
        "<answer>" * 25_000,
        r"\boxed{1}, " * 18_000,
        "{" * 199_999,
        "answer " * 28_000,
    ):
        for rule in EXTRACTION_RULES:
            extract(text, rule)
    for text in (
        "(" * 2000,
        "1," * 1000,
        r"\text{" * 300,
        " " * 2000,
        "$" * 2000,
        "1 and " * 300,
        "=" * 2000,
        "^" * 2000,
    ):
        compare("42", text)
        refuse(normalise(text))


def test_judging_loads_neither_torch_nor_math_verify_in_the_parent():
    program = (
        "import sys, mtpipe.tasks.judging, mtpipe.verify.grading; "
        "print([name for name in ('torch', 'math_verify') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True).strip() == "[]"
