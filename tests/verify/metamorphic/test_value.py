"""The parser that the tables are checked by."""

import pytest

from .value import same, value


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (r"\frac{\sqrt6}{3}", r"\sqrt{\frac23}"),
        (r"2\frac{1}{4}", r"\frac{9}{4}"),
        (r"\sin^2 x", r"1-\cos^2 x"),
        (r"e^{i\pi}", "-1"),
        (r"\binom{9}{4}", "126"),
        (r"\sin 30^\circ", r"\frac12"),
        (r"(x+1)(x-1)", "x^2-1"),
        (r"\log_2 24", r"3+\log_2 3"),
    ],
)
def test_equal_formulas_are_the_same(left, right):
    assert same(left, right) is True


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (r"\frac{1}{2^{98}}", r"\frac{1}{2^{97}}"),
        ("3-4i", "3+4i"),
        (r"\frac{100!}{2^{50}}", r"\frac{100!}{2^{50}}+1"),
        ("2x", "2y"),
    ],
)
def test_other_formulas_are_not(left, right):
    assert same(left, right) is False


@pytest.mark.parametrize(
    "text", ["1,2", "x=3", r"\{1\}", r"\text{no}", "f(x)", "1/2x", "x^12", "2)", "", r"\frac{1}{0}"]
)
def test_what_is_no_single_formula_has_no_value(text):
    assert value(text) is None
