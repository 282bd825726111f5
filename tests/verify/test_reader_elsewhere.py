"""Notation of other countries and programs."""

from fractions import Fraction

import pytest

from mtpipe.verify.compare.equal import compare
from mtpipe.verify.compare.rules import STRICT
from mtpipe.verify.numeric import NumericAlgebra
from mtpipe.verify.reader.read import read, read_otherwise, readings
from mtpipe.verify.values.kinds import Number


@pytest.mark.parametrize(
    ("gold", "value"),
    [("1,22", Fraction(61, 50)), ("$-330,90$", Fraction(-3309, 10)), ("2,6", None), ("81,256", None), ("1, 22", None)],
)
def test_a_gold_with_two_digits_behind_its_comma_may_be_a_decimal(gold, value):
    assert read_otherwise(gold) == (None if value is None else Number(value))


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("]1,6[", "(1,6)"),
        (r"\left]1;6\right[", "(1,6)"),
        (r"[-1,0[ \cup ]0,1]", r"[-1,0) \cup (0,1]"),
        (r"x \in ]2,\infty[", "x>2"),
        ("3:4", r"\frac{3}{4}"),
        ("2.5", "5:2"),
        ("14:20", r"2:20 \text{ p.m.}"),
        ("12:20", r"12:20 PM"),
        (r"0:20", r"12:20 a.m."),
        ("36000", r"\$36K"),
        ("1500000", r"\$1.5\text{M}"),
        ("1234567", "1'234'567"),
        ("60^\\circ", "60\u00ba"),
        ("2!3!", "12"),
        ("7!!", "105"),
        (r"\text{Yes}", "yes, because 7 is prime"),
        ("-4", "negative four"),
        ("-3, 4", "negative 3, 4"),
        (r"\text{negative slope}", "negative slope"),
        (r"-4\text{ m}", r"\text{minus }4\text{ m}"),
        (r"2\pi k", r"2k\pi, k \in \mathbb{Z}"),
        (r"2\pi k\ (k \in \mathbb{Z})", r"2\pi k"),
        (r"\begin{pmatrix}0&1\\2&3\end{pmatrix}", "[[0,1],[2,3]]"),
        ("f(x)=2x+3", "y=3+2x"),
        ("y=2x+3", "f(x)=2x+3"),
    ],
)
def test_notation_of_one_country_answers_that_of_another(gold, answer):
    assert equal(gold, answer) is True


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("]1,6[", "[1,6]"),
        (r"[-1,0[ \cup ]0,1]", "[-1,1]"),
        ("3:4", r"\frac{4}{3}"),
        ("3:45", r"\frac{1}{15}"),
        ("14:20", r"2:20 \text{ a.m.}"),
        ("36000", r"\$36"),
        ("36", r"\$36K"),
        ("0.25", r"\frac{26}{103}"),
        ("3", "3:1"),
        ("10:20", "1:2"),
        (r"\text{Ann and Bob}", "Ann or Bob"),
        ("7!!", "7!"),
        ("7.1", r"\frac{64}{9}"),
        (r"\text{Yes}", "no, because 7 is prime"),
        ("4", "negative four"),
        (r"3, k", r"3, k \in \mathbb{Z}"),
        (r"\begin{pmatrix}0&1\\2&3\end{pmatrix}", "[[0,2],[1,3]]"),
        ("f(x)=2x+3", "y=2x-3"),
        ("f(x)=2x+3", "x=2x+3"),
    ],
)
def test_and_differs_where_it_says_another_thing(gold, answer):
    assert equal(gold, answer) is False


def equal(gold: str, answer: str) -> bool | None:
    return compare(read(gold), readings(answer, read(gold)), STRICT, NumericAlgebra())
