import numpy as np
import pytest

from benchmarks.simulated_studies import World, draw_scores, paired_differences
from mtpipe.statistics.intervals import Estimate, estimate_means, p_values
from mtpipe.statistics.power import seeds_needed, smallest_detectable

pytestmark = pytest.mark.slow


def estimate(mean: float, seed_error: float, problem_error: float, seeds: int = 5, problems: int = 500) -> Estimate:
    return Estimate(mean, 0, 0, seed_error, problem_error, seeds, problems)


def share_found(difference: float, seed_error: float, problem_error: float, seeds: int, alpha: float) -> float:
    """How often the test finds a difference, in tables of seeds by 200 problems with these standard errors."""
    rng, problems = np.random.default_rng(0), 200
    runs = rng.normal(0, seed_error * seeds**0.5, (800, seeds, 1))
    of_problems = rng.normal(0, problem_error * problems**0.5, (800, 1, problems))
    estimates = estimate_means(difference + runs + of_problems + np.zeros((1, seeds, problems)), 0.95)
    return float(np.mean(p_values(estimates) <= alpha))


@pytest.mark.parametrize(("seed_error", "problem_error"), [(0.01, 0.0001), (0.01, 0.01), (0.002, 0.01)])
@pytest.mark.parametrize(("seeds", "alpha"), [(3, 0.05), (5, 0.05 / 12), (10, 0.05)])
def test_a_difference_of_the_detectable_size_is_found_four_times_in_five(seed_error, problem_error, seeds, alpha):
    detectable = smallest_detectable(estimate(0, seed_error, problem_error, seeds, 200), alpha)
    assert share_found(detectable, seed_error, problem_error, seeds, alpha) == pytest.approx(0.8, abs=0.05)


def test_one_seeds_detectable_difference_is_that_of_a_test_over_problems():
    assert smallest_detectable(estimate(0, 0, 1.0, seeds=1, problems=10**6), 0.05) == pytest.approx(2.8016, abs=1e-3)


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 12])
def test_the_seeds_needed_find_the_difference_and_one_less_does_not(alpha):
    found = estimate(0.02, 0.012, 0.001)
    needed = seeds_needed(found, alpha)
    at = {seeds: 0.012 * (5 / seeds) ** 0.5 for seeds in (needed - 1, needed)}
    detectable = {seeds: smallest_detectable(estimate(0, error, 0.001, seeds), alpha) for seeds, error in at.items()}
    assert detectable[needed] <= 0.02 < detectable[needed - 1]


def test_no_number_of_seeds_replaces_problems():
    assert seeds_needed(estimate(0.02, 0.005, 0.02), 0.05) is None
    assert seeds_needed(estimate(0.0, 0.005, 0.0), 0.05) is None


def test_one_seeds_number_is_a_lower_bound():
    """Studies of one seed say at least as many as the spread between runs, unknown to them, makes it; as a rule."""
    scores = draw_scores(np.random.default_rng(0), World(seeds=10, spread=2, arms=1), 40)
    found = 0.05 + paired_differences(scores).reshape(-1, 10, 500)
    one_seed = [seeds_needed(one, 0.05) for one in estimate_means(found[:, :1], 0.95)]
    all_seeds = [seeds_needed(one, 0.05) for one in estimate_means(found, 0.95)]
    assert np.median([one or 1001 for one in one_seed]) < np.median([one or 1001 for one in all_seeds])
