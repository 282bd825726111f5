"""Studies whose truth is known: no arm differs from the baseline, and training seeds, problems and samples vary."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from mtpipe.statistics.intervals import estimate_means, p_values
from mtpipe.statistics.paired_tests import holm

Array = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """What a study is drawn from. Every arm's expected share of correct responses is the same.

    Attributes:
        seeds: training runs of each arm.
        spread: standard deviation between training runs of one arm, in percentage points of correct responses.
        arms: how many are compared with the baseline.
        difficulty: the two parameters of the beta distribution of the problems' chances of a correct response.
        by_problem: how far methods differ in which problems they solve; standard deviation of log-odds by arm and
            problem.
        by_run: the same of single training runs, by arm, seed and problem.
        uneven: factors of `spread`, of the baseline and of the last arm.
        collapse: share of training runs that lose another 10 spreads, of all arms alike.
    """

    seeds: int
    spread: float
    arms: int = 4
    benchmarks: int = 3
    problems: int = 500
    samples: int = 4
    difficulty: tuple[float, float] = (0.5, 0.5)
    by_problem: float = 0.0
    by_run: float = 0.0
    uneven: tuple[float, float] = (1.0, 1.0)
    collapse: float = 0.0


def draw_scores(rng: np.random.Generator, world: World, studies: int) -> Array:
    """Shares of correct responses [studies, 1 + arms, benchmarks, seeds, problems]; the baseline is the first arm.

    A training run shifts the log-odds of all its problems alike, so far that the mean share moves by its part of
    `spread`. Benchmarks are independent of each other, which is the hardest case for the error of a whole family.
    """
    shape = (studies, 1 + world.arms, world.benchmarks, world.seeds, world.problems)
    chances = np.clip(rng.beta(*world.difficulty, (studies, 1, world.benchmarks, 1, world.problems)), 1e-3, 1 - 1e-3)
    spreads = np.full(1 + world.arms, world.spread / 100)
    spreads[0] *= world.uneven[0]
    spreads[-1] *= world.uneven[1]
    moves = rng.normal(0, 1, (*shape[:4], 1))
    moves -= 10 * (rng.random(moves.shape) < world.collapse)
    moves *= spreads[:, None, None, None] / _mean_slope(*world.difficulty)
    odds = (logit(chances) + moves).astype(np.float32)
    if world.by_problem:
        odds += rng.normal(0, world.by_problem, (*shape[:3], 1, world.problems)).astype(np.float32)
    if world.by_run:
        odds += rng.normal(0, world.by_run, shape).astype(np.float32)
    chance = expit(odds)
    correct = sum((rng.random(shape, np.float32) < chance).astype(np.int8) for _ in range(world.samples))
    return np.asarray(correct / world.samples, dtype=np.float64)


def _mean_slope(a: float, b: float) -> float:
    """The mean of p (1 - p) under Beta(a, b): how far the mean share moves with the log-odds."""
    return a * b / ((a + b) * (a + b + 1))


def paired_differences(scores: Array) -> Array:
    """Arms minus baseline: [studies, comparisons, seeds, problems], the arms of one benchmark side by side."""
    minus = (scores[:, 1:] - scores[:, :1]).swapaxes(1, 2)
    return np.ascontiguousarray(minus).reshape(len(scores), -1, *scores.shape[3:])


def judge(found: Array, confidence: float = 0.95) -> tuple[float, Array]:
    """The share of intervals that contain the true difference, 0, and all p-values, [studies, comparisons]."""
    estimates = estimate_means(found.reshape(-1, *found.shape[2:]), confidence)
    covered = float(np.mean([one.low <= 0 <= one.high for one in estimates]))
    return covered, p_values(estimates).reshape(found.shape[:2])


def family_error(p_values: Array, comparisons: int, alpha: float = 0.05) -> float:
    """The share of families in which Holm's correction leaves at least one p-value within alpha.

    Args:
        p_values: [studies, all comparisons]; each study's are split into families of `comparisons` neighbours.
    """
    return float(np.mean([(holm(family) <= alpha).any() for family in p_values.reshape(-1, comparisons)]))
