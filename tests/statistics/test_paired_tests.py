import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mtpipe.statistics.paired_tests import holm, sign_flip_p_values


def test_by_hand():
    """Of the 8 signs of (1, 2, 3) only +++ and --- reach a sum of 6; of (1, 2, -3), 0 is reached by all."""
    assert sign_flip_p_values(np.array([[1.0, 2, 3], [1, 2, -3], [0, 0, 0]]), 100) == pytest.approx([0.25, 1, 1])


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_few_problems_are_enumerated(differences):
    values = np.array(differences) / 4
    sums = [abs(np.dot(signs, values)) for signs in itertools.product([-1, 1], repeat=len(values))]
    expected = np.mean(np.array(sums) >= abs(values.sum()) - 1e-9)
    assert sign_flip_p_values(values[None], 1000)[0] == pytest.approx(expected)


def test_many_problems_agree_with_scipys_permutation_test():
    values = np.random.default_rng(0).normal(0.1, 1.0, 60)
    peer = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(1)
    )
    assert sign_flip_p_values(values[None], 20_000)[0] == pytest.approx(peer.pvalue, abs=0.01)


def test_a_p_value_is_never_0_and_does_not_depend_on_its_company(monkeypatch):
    values = np.random.default_rng(0).normal(2.0, 1.0, (3, 100))
    together = sign_flip_p_values(values, 999)
    assert together == pytest.approx([0.001] * 3)
    monkeypatch.setattr("mtpipe.statistics.paired_tests._SIGNS_AT_ONCE", 100 * 100)
    assert [sign_flip_p_values(one[None], 999)[0] for one in values] == pytest.approx(together)


def test_without_a_difference_the_p_values_are_evenly_spread():
    p_values = sign_flip_p_values(np.random.default_rng(0).normal(0, 1, (400, 40)), 999)
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.5, 0.9])) == pytest.approx([1.0, 1.0])


@given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test_with_bonferroni_in_every_subset(p_values):
    """Marcus, Peritz and Gabriel's closure: a hypothesis falls when every subset that it is in falls."""
    adjusted = holm(np.array(p_values))
    indices = range(len(p_values))
    subsets = [subset for size in indices for subset in itertools.combinations(indices, size + 1)]
    for index in indices:
        expected = max(
            min(1.0, len(subset) * min(p_values[member] for member in subset)) for subset in subsets if index in subset
        )
        assert adjusted[index] == pytest.approx(expected)
