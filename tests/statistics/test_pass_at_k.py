import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.statistics.pass_at_k import mean_pass_curve, pass_table


def test_by_hand():
    table = pass_table(4)
    assert table.shape == (5, 4)
    assert table[0].tolist() == [0, 0, 0, 0]
    assert table[1] == pytest.approx([1 / 4, 1 / 2, 3 / 4, 1])
    assert table[2] == pytest.approx([1 / 2, 1 - 1 / 6, 1, 1])
    assert table[4].tolist() == [1, 1, 1, 1]


@given(st.integers(1, 7), st.data())
def test_it_is_the_share_of_draws_of_k_that_hold_a_correct_response(samples, data):
    correct = data.draw(st.integers(0, samples))
    responses = [True] * correct + [False] * (samples - correct)
    for k in range(1, samples + 1):
        draws = [any(draw) for draw in itertools.combinations(responses, k)]
        assert pass_table(samples)[correct, k - 1] == pytest.approx(sum(draws) / len(draws))


@given(st.integers(1, 300), st.data())
def test_it_is_the_binomial_formula_of_the_paper_for_hundreds_of_samples(samples, data):
    correct, k = data.draw(st.integers(0, samples)), data.draw(st.integers(1, samples))
    expected = 1 - math.comb(samples - correct, k) / math.comb(samples, k)
    assert pass_table(samples)[correct, k - 1] == pytest.approx(expected, abs=1e-12)


def test_the_mean_curve_is_the_mean_of_the_problems_curves():
    correct = np.random.default_rng(0).random((3, 20, 9)) < 0.3
    expected = np.mean([pass_table(9)[count] for count in correct.sum(axis=-1).ravel()], axis=0)
    assert mean_pass_curve(correct) == pytest.approx(expected)
