"""No text does anything to the reader but be read or be refused, in time that grows with its length."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.verify.reader.read import read, readings
from mtpipe.verify.reader.tokens import Unreadable
from mtpipe.verify.values.messages import decode, encode

PIECES = [
    "1", "27.0", "0.5", "x", "=", ",", " ", "{", "}", "(", ")", "[", "]", "\\", "$", "^", "_", "-", "+", "/", "%", ".",
    ";", "!", "|", ":", "<", "&", "'", r"\\", r"\boxed{", r"\frac", r"\dfrac{1}{2}", r"\text{", r"\text{ cm}", r"\left",
    r"\pm", r"\%", r"\$", r"\{", r"\}", "\n", "e5", r"\circ", r"\,", r"\!", " and ", " or ", "answer is", r"\sqrt",
    r"\sin", r"\begin{pmatrix}", r"\end{pmatrix}", r"\cup", r"\in", r"\overline", r"\mathrm{i}", r"\infty", "√", "²",
    "million", "base", r"\binom", r"\sum", r"\over", "Answer:", "therefore ", "<|im_end|>", r"\mathbb{R}", r"\le",
]  # fmt: skip
latexish = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))


@given(latexish)
def test_a_text_is_read_or_refused_and_travels_as_json(text):
    try:
        value = read(text)
    except Unreadable:
        return
    assert decode(json.loads(json.dumps(encode(value)))) == value
    assert readings(text, value)


@given(latexish, latexish)
def test_reading_beside_any_gold_never_raises_anything_else(gold, text):
    with contextlib.suppress(Unreadable):
        readings(text, read(gold))


@pytest.mark.slow
def test_a_hostile_length_takes_linear_time():
    """Each of these takes minutes where a rule is quadratic."""
    runs = [
        "(", "1,", r"\text{", " ", "$", "1 and ", "=", "^", "-", r"\sqrt", "1/", "|", "x_", r"\frac", "a", "{",
        "1 ", "9", "1+", "!", r"\overline", r"\left", "1:", "_{", r"\pm", "-1", "1|", r"\{", "x'", "()",
    ]  # fmt: skip
    for text in (run * (2000 // len(run)) for run in runs):
        with contextlib.suppress(Unreadable):
            readings(text, None)


def test_a_command_without_braces_takes_a_digit_and_nothing_else():
    for text in (r"\frac.0", r"\sqrt.5", r"\frac1.", r"\dfrac..", r"\binom.1"):
        with contextlib.suppress(Unreadable):
            readings(text, None)
