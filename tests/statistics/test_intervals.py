import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchmarks.simulated_studies import World, draw_scores, family_error, judge, paired_differences
from mtpipe.statistics.intervals import SMALLEST_P, estimate_means, half_widths, p_values

STUDIES = 400


def table(
    seeds: int, problems: int, seed: int = 0, run: float = 0.05, problem: float = 0.2, rest: float = 0.1
) -> np.ndarray:
    """Seeds by problems with an effect of each seed, of each problem, and of both; standard deviations."""
    rng = np.random.default_rng(seed)
    of_run, of_problem = rng.normal(0, run, (seeds, 1)), rng.normal(0, problem, (1, problems))
    return of_run + of_problem + rng.normal(0, rest, (seeds, problems))


def test_one_seed_has_students_interval_over_problems():
    values = table(1, 80)
    (ours,) = estimate_means(values[None], 0.9)
    peer = stats.ttest_1samp(values[0], 0).confidence_interval(0.9)
    assert (ours.low, ours.high) == pytest.approx((peer.low, peer.high))
    assert (ours.seed_error, ours.error) == pytest.approx((0, stats.sem(values[0])))


def test_where_only_runs_differ_it_is_students_interval_over_the_seeds_means():
    values = np.array([[0.1], [0.3], [0.2], [0.7]]) + np.zeros((1, 50))
    (ours,) = estimate_means(values[None], 0.95)
    peer = stats.ttest_1samp(values.mean(axis=1), 0)
    interval = peer.confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high))
    assert p_values([ours])[0] == pytest.approx(peer.pvalue)


def test_where_only_problems_differ_it_is_students_interval_over_problems():
    values = np.zeros((3, 1)) + table(1, 60)
    (ours,) = estimate_means(values[None], 0.95)
    peer = stats.ttest_1samp(values[0], 0)
    assert (ours.low, ours.high) == pytest.approx(tuple(peer.confidence_interval(0.95)))
    assert p_values([ours])[0] == pytest.approx(peer.pvalue)


def test_the_variance_is_that_of_the_two_way_model():
    """Over many tables the squared error has the mean Var(a) / S + Var(b) / P + Var(e) / (S P)."""
    tables = np.stack([table(4, 30, seed, run=0.2, rest=0.5) for seed in range(4000)])
    expected = 0.2**2 / 4 + 0.2**2 / 30 + 0.5**2 / 120
    assert np.var(tables.mean((1, 2))) == pytest.approx(expected, rel=0.05)
    assert np.mean([one.error**2 for one in estimate_means(tables, 0.95)]) == pytest.approx(expected, rel=0.05)


def test_seeds_whose_means_are_equal_by_chance_do_not_pass_for_certainty():
    """Of 30 problems two policies have the same number right every now and then."""
    values = np.random.default_rng(0).permuted(np.tile(np.repeat([0.25, -0.25, 0.0], [9, 3, 18]), (2, 1)), axis=1)
    assert np.ptp(values.mean(axis=1)) == 0
    assert p_values(estimate_means(values[None], 0.95))[0] > 0.05


@pytest.mark.slow
@given(st.integers(2, 8), st.integers(2, 40), st.integers(0, 10_000), st.floats(0.6, 0.99))
def test_the_p_value_is_the_level_at_which_the_interval_ends_at_0(seeds, problems, seed, confidence):
    (ours,) = estimate_means(0.03 + table(seeds, problems, seed)[None], confidence)
    (found,) = p_values([ours])
    assert (found < 1 - confidence) == (not ours.low <= 0 <= ours.high)
    if found > 2 * SMALLEST_P:
        half = half_widths(np.array(ours.seed_error), np.array(ours.problem_error), seeds, problems, np.array(found))
        assert half == pytest.approx(abs(ours.mean))


@given(st.integers(1, 5), st.integers(1, 30), st.integers(0, 10_000), st.floats(-1, 1), st.floats(0.1, 3))
def test_it_moves_with_the_values_and_forgets_their_order(seeds, problems, seed, shift, factor):
    values = table(seeds, problems, seed)
    rng = np.random.default_rng(seed)
    moved = (shift + factor * values)[rng.permutation(seeds)][:, rng.permutation(problems)]
    (ours,), (other,) = estimate_means(values[None], 0.95), estimate_means(moved[None], 0.95)
    expected = (shift + factor * ours.low, shift + factor * ours.mean, shift + factor * ours.high)
    assert (other.low, other.mean, other.high) == pytest.approx(expected, abs=1e-9)


def test_a_table_has_the_same_estimate_alone_and_among_others():
    values = np.stack([table(2, 30, seed) for seed in range(3)])
    assert [estimate_means(one[None], 0.95)[0] for one in values] == estimate_means(values, 0.95)


def test_equal_values_have_an_interval_of_width_0_and_a_single_problem_says_nothing_of_others():
    constant, single = estimate_means(np.full((1, 2, 9), 0.1), 0.95), estimate_means(np.ones((1, 1, 1)), 0.95)
    assert (constant[0].low, constant[0].high, constant[0].error) == pytest.approx((0.1, 0.1, 0))
    assert p_values(constant)[0] == SMALLEST_P
    assert p_values(single)[0] == 1
    assert p_values(estimate_means(np.zeros((1, 3, 9)), 0.95))[0] == 1


# ---- what is promised: studies without a true difference ----


@pytest.mark.slow
@pytest.mark.parametrize(
    "world",
    [
        World(seeds=3, spread=0),
        World(seeds=3, spread=3, by_problem=1),
        World(seeds=2, spread=1, problems=30, difficulty=(0.3, 3)),
        *(
            pytest.param(world, marks=pytest.mark.slow)
            for world in (
                World(seeds=5, spread=1, difficulty=(0.3, 9)),
                World(seeds=10, spread=3),
                World(seeds=5, spread=2, uneven=(1, 3)),
            )
        ),
    ],
    ids=str,
)
def test_a_page_without_differences_has_a_mark_in_six_of_a_hundred_studies_at_most(world):
    """4 arms with one baseline x 3 benchmarks x 500 problems x 4 samples; the wide grid is `benchmarks marks`."""
    rng = np.random.default_rng(1)
    scores = np.concatenate([draw_scores(rng, world, 50) for _ in range(STUDIES // 50)])
    covered, found = judge(paired_differences(scores))
    assert covered >= 0.93
    for comparisons in (1, 4, 12):
        assert family_error(found, comparisons) <= 0.06


@pytest.mark.parametrize("spread", [0.0, 3.0])
def test_the_share_of_one_arm_is_covered_too_where_problems_are_far_more_uneven_than_runs(spread):
    """The difficulties' distribution is symmetric, so every arm's expected share is one half."""
    world = World(seeds=3, spread=spread, arms=0)
    scores = draw_scores(np.random.default_rng(2), world, STUDIES)[:, 0]
    estimates = estimate_means(scores.reshape(-1, *scores.shape[-2:]), 0.95)
    assert np.mean([one.low <= 0.5 <= one.high for one in estimates]) >= 0.93


def test_the_page_was_right_to_change_its_rule():
    """Problems alone, as the sign flips over problems with seeds averaged: every second page has a false mark."""
    scores = draw_scores(np.random.default_rng(3), World(seeds=5, spread=1), 100)
    _, found = judge(paired_differences(scores).mean(axis=2, keepdims=True))
    assert family_error(found, 12) > 0.25
