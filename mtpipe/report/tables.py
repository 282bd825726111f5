"""The tables of results: how the arms differ, and every policy on every benchmark."""

from mtpipe.report.cells import Cell, Row, Table, percent, signed
from mtpipe.report.collect import Study
from mtpipe.report.comparison import WARM_START, Comparison, Difference, Score
from mtpipe.statistics.bootstrap import Estimate

BETTER, WORSE = "▲", "▼"


def intervals_note(study: Study) -> str:
    """What the brackets and marks are, and what they are not."""
    report, seeds = study.params.report, study.params.seeds
    confidence = f"{100 * report.confidence:g} %"
    over = "problems and seeds" if len(seeds) > 1 else "problems"
    caution = (
        f"With {len(seeds)} seeds the spread between seeds is itself known roughly only."
        if len(seeds) > 1
        else "Each arm was trained with one seed: another seed may differ by more than a bracket shows."
    )
    return (
        f"Brackets are {confidence} intervals by bootstrap over {over} ({report.resamples:,} resamples), paired by "
        f"problem and not corrected. {BETTER} and {WORSE} mark a difference that holds: its sign-flip test over "
        f"problems stays within {1 - report.confidence:.2g} after Holm's correction over every arm and benchmark of "
        f"this page, and its bracket excludes 0. {caution}"
    )


def claim_table(study: Study, comparison: Comparison) -> Table | None:
    """Arm by benchmark: the difference to the baseline. None where the baseline is the only arm."""
    baseline = study.params.report.baseline
    arms = [arm for arm in study.params.arms if arm != baseline]
    if not arms:
        return None
    own = [comparison.arms[baseline][benchmark].avg.mean for benchmark in study.benchmarks]
    return Table(
        title=f"Difference to {baseline}",
        note=f"Percentage points of correct responses, after {study.after} rounds.",
        label="arm",
        columns=study.benchmarks,
        groups=[
            (
                "",
                [
                    *(
                        (arm, [_difference(comparison.arms[arm][name].minus_baseline) for name in study.benchmarks])
                        for arm in arms
                    ),
                    (baseline, [Cell(f"{percent(share)} %", order=0.0) for share in own]),
                ],
            )
        ],
    )


def tests_table(study: Study, comparison: Comparison) -> Table | None:
    """Each difference with its p-values and the smallest difference that the benchmark could have shown."""
    baseline = study.params.report.baseline

    def row(arm: str, difference: Difference) -> Row:
        return arm, [
            _difference(difference),
            Cell(f"{difference.p_value:.4f}", order=difference.p_value),
            Cell(f"{difference.adjusted:.4f}", order=difference.adjusted),
            Cell(percent(difference.detectable), order=difference.detectable),
        ]

    groups = [
        (
            benchmark,
            [row(arm, found) for arm, scores in comparison.arms.items() if (found := scores[benchmark].minus_baseline)],
        )
        for benchmark in study.benchmarks
    ]
    if not any(rows for _, rows in groups):
        return None
    return Table(
        title="Tests",
        note=(
            "p: paired sign flips over problems, two-sided. Holm: corrected over all rows of this table. Detectable: "
            "the smallest true difference, in points, that this test finds with a chance of 80 %, before correction. "
            "Where it is larger than what you look for, no mark says nothing."
        ),
        label="arm",
        columns=[f"− {baseline}", "p", "Holm", "detectable"],
        groups=groups,
    )


def results_table(study: Study, comparison: Comparison) -> Table:
    """avg@k, maj@k, length and truncation, by benchmark and policy."""
    policies = {WARM_START: comparison.warm_start, **comparison.arms}
    first = next(iter(comparison.warm_start.values())).samples
    k = str(first) if all(score.samples == first for score in comparison.warm_start.values()) else "k"

    def row(score: Score) -> list[Cell]:
        return [
            _share(score.avg),
            _share(score.majority) if score.majority else Cell("–"),
            _difference(score.minus_warm_start),
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
            (benchmark, [(policy, row(scores[benchmark])) for policy, scores in policies.items()])
            for benchmark in study.benchmarks
        ],
    )


def seeds_table(study: Study, comparison: Comparison) -> Table | None:
    """avg@k seed by seed, where there are several."""
    seeds = study.params.seeds
    if len(seeds) == 1:
        return None

    def row(score: Score) -> list[Cell]:
        return [Cell(percent(score.by_seed[seed]), order=score.by_seed[seed]) for seed in seeds]

    return Table(
        title="Seed by seed",
        note="Percentage of correct responses of each seed's last policy: how far runs of one arm differ.",
        label="arm",
        columns=[f"seed {seed}" for seed in seeds],
        groups=[
            (benchmark, [(arm, row(scores[benchmark])) for arm, scores in comparison.arms.items()])
            for benchmark in study.benchmarks
        ],
    )


def verdict_sentences(study: Study, comparison: Comparison) -> list[str]:
    """What holds, arm by arm; the arms of which nothing holds together; and what could have been seen."""
    baseline = study.params.report.baseline
    sentences, without, detectable = [], [], []
    for arm, scores in comparison.arms.items():
        found = {benchmark: score.minus_baseline for benchmark, score in scores.items() if score.minus_baseline}
        if not found:
            continue
        detectable += [one.detectable for one in found.values()]
        clear = [f"{signed(one.estimate.mean)} points on {name}" for name, one in found.items() if one.holds]
        unclear = [name for name, one in found.items() if not one.holds]
        if clear:
            rest = f"; nothing that holds on {_and(unclear)}" if unclear else ""
            sentences.append(f"{arm} against {baseline}: {_and(clear)}{rest}.")
        else:
            without.append(arm)
    if without:
        sentences.append(f"No difference to {baseline} holds for {_and(without)}, on any benchmark.")
    if detectable:
        low, high = percent(min(detectable)), percent(max(detectable))
        span = f"{low} points" if low == high else f"{low} to {high} points, by arm and benchmark,"
        sentences.append(f"True differences of {span} would have been found with a chance of 80 %, before correction.")
    return sentences


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _benchmark_title(study: Study, benchmark: str, comparison: Comparison) -> str:
    settings = study.params.evaluate.of(benchmark)
    problems = comparison.warm_start[benchmark].avg.problems
    return f"{benchmark}: {problems} problems × {settings.samples} at T = {settings.temperature:g}" + (
        f", top-p {settings.top_p:g}" if settings.top_p < 1 else ""
    )


def _share(estimate: Estimate) -> Cell:
    bracket = _bracket(percent(estimate.low), percent(estimate.high), estimate)
    return Cell(percent(estimate.mean), bracket, order=estimate.mean)


def _difference(found: Difference | Estimate | None) -> Cell:
    if found is None:
        return Cell("–")
    estimate = found.estimate if isinstance(found, Difference) else found
    holds = isinstance(found, Difference) and found.holds
    mark = (BETTER if estimate.mean > 0 else WORSE) if holds else ""
    bracket = _bracket(signed(estimate.low), signed(estimate.high), estimate)
    return Cell(signed(estimate.mean), bracket, mark, estimate.mean)


def _bracket(low: str, high: str, estimate: Estimate) -> str:
    """Nothing where all problems have one value: a bootstrap cannot tell how far that would move."""
    return f"[{low}, {high}]" if estimate.low < estimate.high else ""
