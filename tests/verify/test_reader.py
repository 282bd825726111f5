r"""From a text to a typed value: what each spelling is, and that no text does anything but be read or be refused."""

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.verify.reader.read import read, readings
from mtpipe.verify.reader.tokens import Unreadable
from mtpipe.verify.reader.units import PERCENT, UNITS
from mtpipe.verify.values.exact import rational
from mtpipe.verify.values.formula import canonical, number, symbol, variants
from mtpipe.verify.values.kinds import (
    Builder,
    Colon,
    Combined,
    Digits,
    Expression,
    KnownSet,
    Matrix,
    Number,
    Quantity,
    Relation,
    Sequence,
    Unit,
    Words,
)
from mtpipe.verify.values.messages import decode, encode


def whole(*values: int) -> tuple[Number, ...]:
    return tuple(Number(Fraction(value)) for value in values)


@pytest.mark.parametrize(
    ("text", "value", "step"),
    [
        ("42", 42, None),
        ("-7", -7, None),
        ("027", 27, None),
        ("27.0", 27, "0.1"),
        (".50", "1/2", "0.01"),
        ("1,080", 1080, None),
        (r"1{,}450{,}000", 1450000, None),
        (r"32,\! 349", 32349, None),
        ("1 000", 1000, None),
        ("7.250.300", 7250300, None),
        ("1.234,56", "30864/25", "0.01"),
        (r"\frac12", "1/2", None),
        (r"\frac{270}7", "270/7", None),
        ("-1./3", "-1/3", None),
        (r"{3 \over 4}", "3/4", None),
        ("½", "1/2", None),
        (r"2\frac{5}{9}", "23/9", None),
        ("2 5/9", "23/9", None),
        (r"-2\frac14", "-9/4", None),
        ("2½", "5/2", None),
        ("4.5e33", 45 * 10**32, 10**32),
        (r"1.5\times 10^{-7}", "3/20000000", "1/100000000"),
        ("10⁸", 10**8, None),
        ("2^10", 1024, None),
        (r"\binom{5}{2}", 10, None),
        ("5!", 120, None),
        (r"0.\overline{27}", "3/11", None),
        (r"0.1\bar{6}", "1/6", None),
        ("0.333...", "1/3", None),
        (r"\text{twelve}", 12, None),
        ("three hundred and five", 305, None),
        (r"10 \text{ million}", 10**7, None),
        ("12 dozen", 144, None),
        ("5 squared", 25, None),
        (r"\text{two thirds}", "2/3", None),
        ("3²", 9, None),
        (r"\textcolor{red}{42}", 42, None),
        (r"\boldsymbol{42}", 42, None),
        (r"\left(42\right).", 42, None),
        (r"\text{The answer is }23", 23, None),
        (r"\approx 8.24", "206/25", "0.01"),
        (r"\phantom -1", 1, None),
    ],
)
def test_a_number_is_exact_however_it_is_written(text, value, step):
    found = read(text)
    assert found == Number(Fraction(value), None if step is None else Fraction(step))


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("2x", r"2\cdot x"),
        ("x^2+1", "1+x²"),
        (r"\frac{t}{4} \sin (2 t)", r"\frac{t}{4}\sin 2t"),
        ("sqrt(2)", "√2"),
        (r"\sqrt[3]5", r"\sqrt[3]{5}"),
        (r"7\sqrt(2)", r"7\sqrt{2}"),
        (r"\tan^{-1} 2", r"\arctan(2)"),
        ("a_1^2", "a^2_1"),
        (r"\mathrm{e}^{2}", "e^2"),
        (r"\exp(x)", "e^{x}"),
        (r"|x-4|", r"\lvert x-4\rvert"),
        ("2pi", r"2\pi"),
        (r"\lambda_{\text {red}}", r"\lambda_{\text{red}}"),
        (r"\lg 5", r"\log_{10} 5"),
        (r"\operatorname{sin} x", r"\sin x"),
        (r"{d x \over d t}", r"\frac{dx}{dt}"),
        (r"n 2^{n-1}", r"n \cdot 2^{n-1}"),
        (r"\sin^2 t", r"(\sin t)^2"),
    ],
)
def test_two_spellings_of_a_formula_are_one(text, other):
    one, two = read(text), read(other)
    assert isinstance(one, Expression)
    assert isinstance(two, Expression)
    assert canonical(one.formula) == canonical(two.formula)


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        (r"14\text{ cm}", 14, "cm"),
        (r"864 \mbox{ inches}^2", 864, ("in", 2)),
        (r"34\text{ sq. units}", 34, ("unit", 2)),
        (r"5225 \text{ cubic inches}", 5225, ("in", 3)),
        (r"\$ 5", 5, "$"),
        ("€45", 45, "€"),
        (r"5\text{ cents}", 5, "cent"),
        (r"72^\circ", 72, "°"),
        (r"140\text{ degrees}", 140, "°"),
        (r"28\%", 28, "%"),
        ("28 percent", 28, "%"),
        (r"\$5 \text{ thousand}", 5000, "$"),
        (r"3\,\mathrm{m}", 3, "m"),
        (r"-5^{\circ}", -5, "°"),
    ],
)
def test_a_unit_is_one_of_the_list(text, amount, unit):
    name, power = unit if isinstance(unit, tuple) else (unit, 1)
    size, powers = UNITS[name]
    expected = Unit(size**power, tuple((base, exponent * power) for base, exponent in powers))
    assert read(text) == Quantity(Number(Fraction(amount)), expected)


def test_units_multiply_and_divide():
    spellings = [
        r"9 \text{ m/s}^2",
        r"9\ \frac{\text{m}}{\text{s}^2}",
        r"9\,\mathrm{m\,s^{-2}}",
        r"9 \text{ meters per second squared}",
    ]
    assert len({read(text) for text in spellings}) == 1
    assert readings("9 m/s^2", Number(Fraction(9))) == [read(spellings[0])]
    assert read("35%") == Quantity(Number(Fraction(35)), PERCENT)


def test_words_behind_a_number_are_a_label_unless_they_change_it():
    assert read(r"21\text{ dogs}") == Quantity(Number(Fraction(21)), Unit(label="dog"))
    for text in (r"5 \text{ times } x", r"5\text{ modulo }7", r"5 \text{ over } 3"):
        assert isinstance(read(text), Words), text
    assert read(r"\text{October 30}") == Words(("october", "30"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(1,2)", Sequence("()", whole(1, 2))),
        ("(1,2]", Sequence("(]", whole(1, 2))),
        (r"\left[1,\,2\right)", Sequence("[)", whole(1, 2))),
        (r"\{1, 2\}", Sequence("set", whole(1, 2))),
        ("{1,2}", Sequence("braces", whole(1, 2))),
        ("3, 1 and 2", Sequence("list", whole(3, 1, 2))),
        (r"6, 8\text{, and }10", Sequence("list", whole(6, 8, 10))),
        (r"\pm 2", Sequence("list", whole(2, -2))),
        (r"5 \text{ or } 6", Sequence("or", whole(5, 6))),
        ("(11,7)or(7,11)", Sequence("or", (Sequence("()", whole(11, 7)), Sequence("()", whole(7, 11))))),
        ("n=1, 2", Sequence("list", whole(1, 2))),
        ("27,54,108", Sequence("list", whole(27, 54, 108))),
        ("(12,102)", Sequence("()", whole(12, 102))),
        ("81, 256", Sequence("list", whole(81, 256))),
        ("(1;2)", Sequence("()", whole(1, 2))),
        (r"\langle 1,2\rangle", Sequence("<>", whole(1, 2))),
        (r"\emptyset", KnownSet("empty")),
        (r"\{\}", KnownSet("empty")),
        (r"\text{no solution}", KnownSet("empty")),
        (r"\mathbb{R}", KnownSet("reals")),
        (r"\text{all real numbers}", KnownSet("reals")),
        ("(0,1)∪(2,3)", Combined("union", (Sequence("()", whole(0, 1)), Sequence("()", whole(2, 3))))),
        (r"\mathbb{R}\setminus\{1\}", Combined("difference", (KnownSet("reals"), Sequence("set", whole(1))))),
        (
            r"\{x \in \mathbb{R} \mid x>3\}",
            Builder(symbol("x"), Relation((Expression(symbol("x")), *whole(3)), (">",))),
        ),
        ("x=5", Relation((Expression(symbol("x")), *whole(5)), ("=",))),
        ("1<x<=2", Relation((*whole(1), Expression(symbol("x")), *whole(2)), ("<", r"\le"))),
        (r"2x=10 \implies x=5", Relation((Expression(symbol("x")), *whole(5)), ("=",))),
        ("3 : 2", Colon(whole(3, 2))),
        (r"8\!:\!34 \text{ p.m.}", Colon(whole(8, 34), "pm")),
        ("8{:}34 PM", Colon(whole(8, 34), "pm")),
        (r"4\text{ to }9", Colon(whole(4, 9))),
        ("204_5", Digits("204", 5)),
        (r"(204)_{5}", Digits("204", 5)),
        (r"\text{A5}_{11}", Digits("A5", 11)),
        (r"204_{\text{five}}", Digits("204", 5)),
        (r"-37_8", Digits("-37", 8)),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", Matrix((whole(1, 2), whole(3, 4)))),
        (r"\left[\begin{array}{cc}1&2\\[2pt]3&4\\\end{array}\right]", Matrix((whole(1, 2), whole(3, 4)))),
        (r"2\begin{pmatrix}1\\3\end{pmatrix}", Matrix((whole(2), whole(6)))),
        (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", Matrix((whole(1, 2), whole(3, 4)), bars=True)),
        (r"\text{East}", Words(("east",))),
        ("LQSX", Words(("lqsx",), "LQSX")),
        (r"\text{(C)}", Expression(symbol("C"))),
        (r"\text{There is no rule}", Words(("no", "rule"))),
    ],
)
def test_every_kind_of_value_is_read(text, value):
    assert read(text) == value
    assert decode(json.loads(json.dumps(encode(value)))) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "4 2",
        "2^{1}0",
        "x2",
        "(",
        "1)",
        r"\frac{1}",
        r"1\frac{7}{6}",
        r"142 \bmod 100",
        "286_3",
        r"\frac{0}{0}",
        "0^0",
        "5 < ",
        "٤٢",
        "⁴²",
        r"\unknown{2}",
        "[2,3",
        "7!!!",
        r"\sqrt",
        r"\text{",
    ],
)
def test_what_is_none_of_these_is_refused(text):
    with pytest.raises(Unreadable):
        read(text)


@pytest.mark.parametrize(
    ("text", "gold", "value"),
    [
        ("8,128", "1,2", Sequence("list", whole(8, 128))),
        ("8,128", "7", Number(Fraction(8128))),
        ("1,22", "3", Number(Fraction(122, 100), Fraction(1, 100))),
        ("12 ft", "12", read(r"12\text{ ft}")),
        ("5 apples", "5", Quantity(Number(Fraction(5)), Unit(label="apple"))),
        ("C) 14", "B", Expression(symbol("C"))),
        (r"\text{C: } 27", "C", Expression(symbol("C"))),
        ("b", "B", Expression(symbol("B"))),
    ],
)
def test_the_golds_kind_decides_how_an_ambiguous_answer_is_read(text, gold, value):
    assert value in readings(text, read(gold))


def test_a_slash_before_a_product_can_be_read_both_ways():
    quotients = {canonical(value.formula) for value in readings("1/2x", read("x"))}
    assert quotients == {canonical(read(text).formula) for text in (r"\frac{x}{2}", r"\frac{1}{2x}")}


def test_nothing_larger_than_a_bound_is_worked_out():
    for text in ("10^{1000000000}", "9^{9^{9}}", "100000000!", r"\binom{10000000}{5000000}", "2^{2^{40}}", "10001!"):
        assert isinstance(read(text), Expression)
        assert rational(read(text).formula) is None


def test_plus_minus_stands_for_two_values_or_four():
    assert len(variants(read(r"x=1\pm y").sides[1].members[0].formula)) == 1
    assert read(r"1\pm 2") == Sequence("list", whole(3, -1))
    assert len(read(r"\pm 1 \pm 2").members) == 4
    assert set(read(r"\pm 1 \mp 2").members) == set(whole(-1, 1))


@pytest.mark.slow
@given(st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=999))
def test_a_fraction_is_read_back_from_each_spelling(value):
    top, bottom = value.numerator, value.denominator
    for text in (
        rf"\frac{{{top}}}{{{bottom}}}",
        f"{top}/{bottom}",
        rf"\dfrac{{{3 * top}}}{{{3 * bottom}}}",
        f"${top}/{bottom}$",
    ):
        assert read(text) == Number(value)
    assert number(value) == canonical(number(value, 3))
