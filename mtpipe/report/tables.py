"""The tables of results: every policy on every benchmark."""

from mtpipe.report.benchmark_names import spoken
from mtpipe.report.cells import Cell, Table, bracket, percent
from mtpipe.report.claims import difference_cell
from mtpipe.report.collect import Study
from mtpipe.report.comparison import WARM_START, Comparison, Score
from mtpipe.statistics.intervals import Estimate


def results_table(study: Study, comparison: Comparison) -> Table:
    """avg@k, maj@k, length and truncation, by benchmark and policy."""
    policies = {WARM_START: comparison.warm_start, **comparison.arms}
    first = next(iter(comparison.warm_start.values())).samples
    k = str(first) if all(score.samples == first for score in comparison.warm_start.values()) else "k"

    def row(score: Score) -> list[Cell]:
        return [
            _share(score.avg),
            _share(score.majority) if score.majority else Cell("–"),
            difference_cell(score.minus_warm_start),
            Cell(f"{score.length:.1f}", order=score.length),
            Cell(percent(score.overlong), order=score.overlong),
        ]

    return Table(
        title=f"Held-out accuracy after {study.after} rounds",
        note=(
            f"avg@{k}: percentage of correct responses. maj@{k}: percentage of problems whose most frequent final "
            f"answer is right, where right answers read alike. Tokens: mean length. Cut: percentage at the limit."
        ),
        label="policy",
        columns=[f"avg@{k}", f"maj@{k}", f"− {WARM_START}", "tokens", "cut"],
        groups=[
            (
                _benchmark_title(study, benchmark, comparison),
                [(policy, row(scores[benchmark])) for policy, scores in policies.items()],
            )
            for benchmark in study.benchmarks
        ],
    )


def pass_table(study: Study, comparison: Comparison) -> Table:
    """pass@k, by benchmark and policy."""
    policies = {WARM_START: comparison.warm_start, **comparison.arms}
    ks = sorted({k for score in comparison.warm_start.values() for k in score.passes})

    def row(score: Score) -> list[Cell]:
        return [_share(score.passes[k]) if k in score.passes else Cell("–") for k in ks]

    return Table(
        title="pass@k",
        note="Percentage of problems that at least one of k responses solves, estimated without bias.",
        label="policy",
        columns=[f"pass@{k}" for k in ks],
        groups=[
            (spoken(study, benchmark), [(policy, row(scores[benchmark])) for policy, scores in policies.items()])
            for benchmark in study.benchmarks
        ],
    )


def sweep_table(study: Study, comparison: Comparison) -> Table | None:
    """avg@k of the last policies by evaluation temperature, where there is a sweep."""
    if not comparison.sweep:
        return None
    first = next(iter(comparison.sweep.values()))
    temperatures = sorted({value for found in first.values() for value in found})

    def row(found: dict[float, Estimate]) -> list[Cell]:
        return [_share(found[value]) if value in found else Cell("–") for value in temperatures]

    return Table(
        title="By evaluation temperature",
        note="Percentage of correct responses of the last policies when they are evaluated at each temperature.",
        label="arm",
        columns=[f"T = {value:g}" for value in temperatures],
        groups=[
            (spoken(study, benchmark), [(arm, row(found[benchmark])) for arm, found in comparison.sweep.items()])
            for benchmark in study.benchmarks
        ],
    )


def seeds_table(study: Study, comparison: Comparison) -> Table | None:
    """avg@k seed by seed, where there are several."""
    seeds = study.params.seeds
    if len(seeds) == 1:
        return None

    def row(score: Score) -> list[Cell]:
        spread = score.between_seeds or 0.0
        shares = [Cell(percent(score.by_seed[seed]), order=score.by_seed[seed]) for seed in seeds]
        return [*shares, Cell(percent(spread), order=spread)]

    return Table(
        title="Seed by seed",
        note=(
            "Percentage of correct responses of each seed's last policy, and their standard deviation: how far runs of "
            "one arm differ."
        ),
        label="arm",
        columns=[*(f"seed {seed}" for seed in seeds), "spread"],
        groups=[
            (spoken(study, benchmark), [(arm, row(scores[benchmark])) for arm, scores in comparison.arms.items()])
            for benchmark in study.benchmarks
        ],
    )


def _benchmark_title(study: Study, benchmark: str, comparison: Comparison) -> str:
    settings = study.params.evaluate.of(benchmark)
    problems = comparison.warm_start[benchmark].avg.problems
    name = spoken(study, benchmark)
    return f"{name}: {problems} problems × {settings.samples} at T = {settings.temperature:g}" + (
        f", top-p {settings.top_p:g}" if settings.top_p < 1 else ""
    )


def _share(estimate: Estimate) -> Cell:
    return Cell(percent(estimate.mean), bracket(percent(estimate.low), percent(estimate.high)), order=estimate.mean)
