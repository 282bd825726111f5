import math

import numpy as np
import pytest
from scipy import stats

from mtpipe.statistics.bootstrap import _GRID, RNG_SEED, _counts, _resampled_means, estimate_means


def table(seeds: int, problems: int, seed: int = 0) -> np.ndarray:
    """Seeds by problems with an effect of each seed, of each problem, and of both."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.05, (seeds, 1)) + rng.normal(0, 0.2, (1, problems)) + rng.normal(0, 0.1, (seeds, problems))


def test_one_seed_agrees_with_scipys_bootstrap_over_problems():
    values = table(1, 80)
    (ours,) = estimate_means(values[None], 40_000, 0.9)
    peer = stats.bootstrap(
        (values[0],),
        np.mean,
        n_resamples=40_000,
        confidence_level=0.9,
        method="percentile",
        rng=np.random.default_rng(1),
    )
    assert ours.mean == pytest.approx(values.mean())
    assert ours.error == pytest.approx(peer.standard_error, rel=0.02)
    assert (ours.low, ours.high) == pytest.approx(tuple(peer.confidence_interval), abs=0.03 * ours.error)


def test_several_seeds_have_the_standard_error_that_resampling_both_margins_has():
    """Worked out exactly: the variance of sum u_s w_p x_sp / (S P) with multinomial u and w."""
    values = table(5, 60)
    seeds, _ = values.shape
    row_means, column_means = values.mean(axis=1), values.mean(axis=0)
    within = values.var(axis=0).mean() - row_means.var()
    variance = row_means.var() / seeds + (column_means.var() + within / seeds) / values.shape[1]
    (ours,) = estimate_means(values[None], 40_000, 0.95)
    assert ours.error == pytest.approx(np.sqrt(variance), rel=0.02)


def test_several_seeds_agree_with_resampling_row_and_column_by_row_and_column():
    values = table(3, 20)
    rng = np.random.default_rng(2)
    means = [values[np.ix_(rng.integers(3, size=3), rng.integers(20, size=20))].mean() for _ in range(20_000)]
    (ours,) = estimate_means(values[None], 40_000, 0.9)
    assert (ours.low, ours.high) == pytest.approx(tuple(np.quantile(means, [0.05, 0.95])), abs=0.05 * ours.error)


def test_an_interval_over_seeds_is_wider_than_one_over_problems_alone_where_seeds_differ():
    values = table(4, 200) + np.array([[-0.1], [-0.03], [0.03], [0.1]])
    both, problems_alone = estimate_means(np.stack([values, np.tile(values.mean(axis=0), (4, 1))]), 4000, 0.95)
    assert both.high - both.low > 1.2 * (problems_alone.high - problems_alone.low)


def test_a_table_has_the_same_interval_alone_and_among_others_in_parts_and_whole(monkeypatch):
    values = np.stack([table(2, 30, seed) for seed in range(3)])
    together = estimate_means(values, 500, 0.95)
    assert [estimate_means(one[None], 500, 0.95)[0] for one in values] == pytest.approx(together)
    monkeypatch.setattr("mtpipe.statistics.bootstrap._COUNTS_AT_ONCE", 30 * 500)
    assert estimate_means(values, 500, 0.95) == pytest.approx(together)


def test_equal_values_have_an_interval_of_width_0_and_a_single_problem_excludes_nothing():
    constant, single = (
        estimate_means(np.full((1, 2, 9), 0.1), 200, 0.95)[0],
        estimate_means(np.ones((1, 1, 1)), 200, 0.95)[0],
    )
    assert (constant.low, constant.high, constant.error) == pytest.approx((0.1, 0.1, 0))
    assert constant.excludes_zero
    assert not single.excludes_zero


def test_every_mean_is_exact_so_that_threads_and_machines_cannot_change_its_last_digit():
    values = np.rint(table(3, 200) * _GRID) / _GRID
    rng = np.random.default_rng(RNG_SEED)
    problems, seeds = _counts(rng, 40, 200), _counts(rng, 40, 3)
    expected = [
        math.fsum(seeds[draw, s] * problems[draw, p] * values[s, p] for s in range(3) for p in range(200)) / 600
        for draw in range(40)
    ]
    assert _resampled_means(values[None], 40)[0].tolist() == expected


@pytest.mark.parametrize("seeds", [1, 5])
def test_most_intervals_cover_the_truth(seeds):
    """The truth is 0 in every table. 95 % intervals of five seeds cover less, as the module says, and still most."""
    tables = np.stack([table(seeds, 60, seed) for seed in range(300)])
    if seeds == 1:
        tables -= np.stack([np.random.default_rng(seed).normal(0, 0.05, (1, 1)) for seed in range(300)])
    covered = np.mean([found.low <= 0 <= found.high for found in estimate_means(tables, 1000, 0.95)])
    assert covered > (0.9 if seeds == 1 else 0.85)
