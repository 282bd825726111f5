"""Notation of other countries and programs."""

from fractions import Fraction

import pytest

from mtpipe.verify.reader.read import read_otherwise
from mtpipe.verify.values.kinds import Number


@pytest.mark.parametrize(
    ("gold", "value"),
    [("1,22", Fraction(61, 50)), ("$-330,90$", Fraction(-3309, 10)), ("2,6", None), ("81,256", None), ("1, 22", None)],
)
def test_a_gold_with_two_digits_behind_its_comma_may_be_a_decimal(gold, value):
    assert read_otherwise(gold) == (None if value is None else Number(value))
