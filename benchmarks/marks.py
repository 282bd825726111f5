"""How often a page without any true difference carries a mark, and how many intervals contain the truth.

Six ways to compare arms over seeds and problems, in studies of four arms, three benchmarks and 500 problems with four
samples each (`benchmarks.simulated_studies`). Printed are the tables of docs/statistics.md.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import stats

from benchmarks.simulated_studies import Array, World, draw_scores, family_error, judge, paired_differences
from mtpipe.statistics.intervals import estimate_means, half_widths

STUDIES = 2000
AT_ONCE = 50
FAMILIES = (1, 4, 12)
FORMER = "problems alone, and a bootstrap over both (the former rule)"
OURS = "both, Howe, bounded (ours)"
PROMISED = {
    "uneven problems": World(0, 0),
    "even problems": World(0, 0, difficulty=(50, 50)),
    "hard problems, 3 % right": World(0, 0, difficulty=(0.3, 9)),
    "methods differ by problem": World(0, 0, by_problem=1.0),
    "runs differ by problem": World(0, 0, by_problem=0.5, by_run=1.0),
}
BEYOND = {
    "one arm's runs spread 3 x as far": World(0, 0, uneven=(1, 3)),
    "the baseline's runs spread 2 x as far": World(0, 0, uneven=(2, 1)),
    "30 hard problems": World(0, 0, problems=30, difficulty=(0.3, 3)),
    "one run in ten collapses": World(0, 0, collapse=0.1),
}

HalfWidth = Callable[[float], Array]
"""Half the interval's width at a level alpha, [studies, comparisons]."""


@dataclass(frozen=True)
class MeanSquares:
    """Of tables [..., seeds, problems]: what the candidates are made of."""

    seeds: int
    problems: int
    of_seeds: Array
    of_problems: Array
    of_rest: Array
    of_arms: Array
    """Of seeds within arms, pooled over a benchmark's arms: what `of_seeds` would be if they spread alike."""


@dataclass
class Tally:
    """Sums over a world's studies."""

    covered: list[float] = field(default_factory=list)
    marked: dict[int, list[float]] = field(default_factory=lambda: {family: [] for family in FAMILIES})
    widths: list[float] = field(default_factory=list)


def mean_squares(scores: Array, found: Array) -> MeanSquares:
    seeds, problems = found.shape[-2:]
    by_seed, by_problem = found.mean(-1, keepdims=True), found.mean(-2, keepdims=True)
    centre = by_seed.mean(-2, keepdims=True)
    runs = scores.mean(-1)
    rest = runs - runs.mean(1, keepdims=True) - runs.mean(3, keepdims=True) + runs.mean((1, 3), keepdims=True)
    arms = scores.shape[1]
    variance = np.square(rest).sum((1, 3)) / ((arms - 1) * (seeds - 1))
    return MeanSquares(
        seeds,
        problems,
        problems * np.square(by_seed - centre).sum((-2, -1)) / (seeds - 1),
        seeds * np.square(by_problem - centre).sum((-2, -1)) / (problems - 1),
        np.square(found - by_seed - by_problem + centre).sum((-2, -1)) / ((seeds - 1) * (problems - 1)),
        np.repeat(2 * problems * variance, arms - 1, axis=1),
    )


def candidates(scores: Array, found: Array) -> dict[str, HalfWidth]:
    """Each way's half-widths, for the same studies."""
    of = mean_squares(scores, found)
    seeds, problems, cells = of.seeds, of.problems, of.seeds * of.problems
    rest_freedom = (seeds - 1) * (problems - 1)
    excess = np.maximum(of.of_problems - of.of_rest, 0) / cells
    both = np.maximum(of.of_seeds + of.of_problems - of.of_rest, 1e-12)
    freedom = both**2 / (
        of.of_seeds**2 / (seeds - 1) + of.of_problems**2 / (problems - 1) + of.of_rest**2 / rest_freedom
    )
    pooled_freedom = (seeds - 1) * (scores.shape[1] - 1)
    estimates = estimate_means(found.reshape(-1, seeds, problems), 0.95)
    ours = [
        np.array([getattr(one, part) for one in estimates]).reshape(found.shape[:2])
        for part in ("seed_error", "problem_error")
    ]

    def quantile(alpha: float, freedom: Array | int) -> Array:
        return np.asarray(stats.t.isf(alpha / 2, freedom))

    def problems_alone(alpha: float) -> Array:
        return quantile(alpha, problems - 1) * np.sqrt(of.of_problems / cells)

    resampled = (seeds - 1) / seeds * of.of_seeds + (problems - 1) / problems * of.of_problems
    bootstrap = stats.norm.isf(0.025) * np.sqrt((resampled + rest_freedom / cells * of.of_rest) / cells)

    def howe(of_seeds: Array, freedom: int) -> HalfWidth:
        return lambda alpha: np.sqrt(
            quantile(alpha, freedom) ** 2 * of_seeds / cells + quantile(alpha, problems - 1) ** 2 * excess
        )

    return {
        FORMER: lambda alpha: np.maximum(problems_alone(alpha), bootstrap),
        "seeds alone, t": lambda alpha: quantile(alpha, seeds - 1) * np.sqrt(of.of_seeds / cells),
        "both, Satterthwaite": lambda alpha: quantile(alpha, freedom) * np.sqrt(both / cells),
        "both, Howe, seeds' spread pooled over arms": howe(of.of_arms, pooled_freedom),
        "both, Howe": howe(of.of_seeds, seeds - 1),
        OURS: lambda alpha: half_widths(*ours, seeds, problems, np.array(alpha)),
    }


def simulate(world: World, studies: int = STUDIES) -> dict[str, Tally]:
    """Every candidate on the same studies of one world."""
    rng = np.random.default_rng([world.seeds, int(100 * world.spread), world.problems])
    tallies: dict[str, Tally] = {}
    for _ in range(studies // AT_ONCE):
        scores = draw_scores(rng, world, AT_ONCE)
        found = paired_differences(scores)
        distance = np.abs(found.mean((-2, -1)))
        for name, half_width in candidates(scores, found).items():
            tally = tallies.setdefault(name, Tally())
            tally.covered.append(float((distance <= half_width(0.05) + 1e-12).mean()))
            tally.widths.append(float(np.median(half_width(0.05 / 12))))
            for family, marked in tally.marked.items():  # Holm marks something where Bonferroni does
                marks = distance > half_width(0.05 / family) + 1e-12
                marked.append(float(marks.reshape(-1, family).any(1).mean()))
    return tallies


def grid(kinds: dict[str, World], seeds: tuple[int, ...], spreads: tuple[float, ...]) -> Iterator[tuple[str, World]]:
    for kind, world in kinds.items():
        for number in seeds:
            for spread in spreads:
                yield kind, replace(world, seeds=number, spread=spread)


def main() -> None:
    spreads = (0, 0.5, 1, 2, 3)
    promised = [(kind, world, simulate(world)) for kind, world in grid(PROMISED, (3, 5, 10), spreads)]
    beyond = [(kind, world, simulate(world)) for kind, world in grid(BEYOND, (2, 3, 5, 10), (0, 1, 3))]
    error = 100 * math.sqrt(0.05 * 0.95 / STUDIES)
    print(f"{STUDIES} studies a cell, {len(promised)} and {len(beyond)} cells; 5 % is known to ±{error:.1f} points\n")
    print("Over all promised cells:")
    _print_candidates(promised, [kind for kind in PROMISED])
    print("Beyond the promise:")
    for kind in BEYOND:
        print(f"{kind}:")
        _print_candidates(beyond, [kind])
    for name in (FORMER, OURS):
        print(f"{name}, by seeds and spread, worst of the kinds of problems: coverage; false marks of 1 / 4 / 12")
        _print_by_spread(promised, spreads, name)
    print("\nOne seed: pages on which two policies of equal methods differ, of 12 comparisons:")
    _print_one_seed(spreads)


Cells = list[tuple[str, World, dict[str, Tally]]]


def _print_candidates(cells: Cells, kinds: list[str]) -> None:
    print("| candidate | least coverage | most false marks of 1 | of 4 | of 12 | half-width, 3 / 5 / 10 seeds |")
    print("|---|---|---|---|---|---|")
    chosen = [(world, tallies) for kind, world, tallies in cells if kind in kinds]
    for name in chosen[0][1]:
        covered = 100 * min(np.mean(tallies[name].covered) for _, tallies in chosen)
        marked = [100 * max(np.mean(tallies[name].marked[family]) for _, tallies in chosen) for family in FAMILIES]
        widths = [
            100 * np.mean([np.mean(t[name].widths) for world, t in chosen if (world.seeds, world.spread) == (seeds, 1)])
            for seeds in (3, 5, 10)
        ]
        numbers = [f"{covered:.1f}", *(f"{share:.1f}" for share in marked), " / ".join(f"{w:.1f}" for w in widths)]
        print(f"| {name} | {' | '.join(numbers)} |", flush=True)
    print()


def _print_by_spread(cells: Cells, spreads: tuple[float, ...], name: str) -> None:
    print("| seeds | " + " | ".join(f"{spread:g} points" for spread in spreads) + " |")
    print("|---|" + "---|" * len(spreads))
    for seeds in (3, 5, 10):
        row = []
        for spread in spreads:
            tallies = [t for _, world, t in cells if (world.seeds, world.spread) == (seeds, spread)]
            marked = [100 * max(np.mean(t[name].marked[family]) for t in tallies) for family in FAMILIES]
            covered = 100 * min(np.mean(t[name].covered) for t in tallies)
            row.append(f"{covered:.1f}; " + " / ".join(f"{share:.1f}" for share in marked))
        print(f"| {seeds} | {' | '.join(row)} |")


def _print_one_seed(spreads: tuple[float, ...]) -> None:
    """The test over problems that one seed allows, after Holm's correction: right about policies, not about methods."""
    for spread in spreads:
        rng = np.random.default_rng(int(100 * spread))
        drawn = [paired_differences(draw_scores(rng, World(1, spread), AT_ONCE)) for _ in range(STUDIES // AT_ONCE)]
        _, p_values = judge(np.concatenate(drawn))
        print(f"{spread:g} points between runs: {100 * family_error(p_values, 12):.1f} %")
