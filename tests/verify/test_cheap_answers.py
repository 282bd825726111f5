"""Simple answers are decided where they are read: no judging process is asked, whatever the verdict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.verify.answers import Gold, judge_answers, judge_cheaply
from mtpipe.verify.judgement import Judgement
from mtpipe.verify.pool import Pool

whole = st.integers(-(10**12), 10**12).map(str)
fractions = st.builds(
    lambda style, above, below: style.format(above, below),
    st.sampled_from([r"\frac{{{}}}{{{}}}", "{}/{}", r"\dfrac{{{}}}{{{}}}", "{}.{}", "{}{{,}}{}"]),
    st.integers(-999, 999),
    st.integers(100, 999),
)
measured = st.builds(
    lambda amount, unit: amount + unit, whole, st.sampled_from([r"\%", r"^\circ", r"\text{ cm}", " dollars"])
)
single = st.one_of(whole, fractions, measured, st.sampled_from(["x", "B", r"\text{even}", "no", "seven", r"\infty"]))
several = st.builds(
    lambda brackets, members: brackets[0] + ", ".join(members) + brackets[1],
    st.sampled_from([("", ""), ("(", ")"), ("[", ")"), (r"\{", r"\}")]),
    st.lists(single, min_size=2, max_size=4),
)
simple = st.one_of(single, several, st.builds("x={}".format, single))


@given(simple, simple)
def test_numbers_words_and_lists_of_them_ask_no_process(gold, answer):
    assert isinstance(judge_cheaply(Gold((gold,)), rf"\boxed{{{answer}}}"), Judgement)


@pytest.mark.slow
@given(st.lists(st.tuples(simple, simple), max_size=9))
def test_and_start_none(pairs):
    with Pool() as pool:
        judge_answers([(Gold((gold,)), rf"\boxed{{{answer}}}") for gold, answer in pairs], pool)
        assert pool.process_ids() == []
