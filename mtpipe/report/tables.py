"""The tables of results: every policy on every benchmark, and how the arms differ."""

from mtpipe.evaluate.statistics import Estimate
from mtpipe.report.collect import Study
from mtpipe.report.comparison import WARM_START, Comparison, Score, shown_k
from mtpipe.report.table import Cell, Row, Table, percent, signed

BETTER, WORSE = "▲", "▼"


def intervals_note(study: Study) -> str:
    """What the brackets are and what they are not."""
    settings = study.params.report
    seeds = study.params.seeds
    seeds_part = (
        "the seeds are averaged first, so another set of training seeds may differ by more than a bracket shows"
        if len(seeds) > 1
        else "each arm was trained with one seed only, and another seed may differ by more than a bracket shows"
    )
    return (
        f"Brackets are {100 * settings.confidence:g} % intervals: percentile bootstrap over a benchmark's problems "
        f"({settings.resamples} resamples), paired by problem for differences, and not corrected for several "
        f"comparisons; {seeds_part}. A number without brackets is the same for every problem."
    )


def results_table(study: Study, comparison: Comparison) -> Table:
    """avg@k and the paired differences, by benchmark and policy."""
    baseline = study.params.report.baseline

    def row(name: str, score: Score) -> Row:
        return name, [_share(score.avg), _difference(score.minus_baseline), _difference(score.minus_warm_start)]

    return Table(
        title=f"Held-out accuracy after {study.params.evaluate.after[-1]} rounds",
        note=(
            f"avg@{comparison.samples}: percentage of correct responses among {comparison.samples} a problem. "
            f"Differences are in percentage points; {BETTER} and {WORSE} mark those whose interval excludes 0."
        ),
        label="policy",
        columns=[f"avg@{comparison.samples}", f"− {baseline}", f"− {WARM_START}"],
        groups=[
            (
                _benchmark_title(benchmark, comparison),
                [
                    row(WARM_START, comparison.warm_start[benchmark]),
                    *(row(arm, scores[benchmark]) for arm, scores in comparison.arms.items()),
                ],
            )
            for benchmark in study.benchmarks
        ],
    )


def pass_table(study: Study, comparison: Comparison) -> Table:
    """pass@k, by benchmark and policy."""
    policies = {WARM_START: comparison.warm_start, **comparison.arms}
    return Table(
        title="pass@k",
        note=(
            f"Percentage of problems that at least one of k responses solves, estimated without bias from "
            f"{comparison.samples} responses."
        ),
        label="policy",
        columns=[f"pass@{k}" for k in shown_k(comparison.samples)],
        groups=[
            (
                benchmark,
                [
                    (policy, [_share(estimate) for estimate in scores[benchmark].passes.values()])
                    for policy, scores in policies.items()
                ],
            )
            for benchmark in study.benchmarks
        ],
    )


def seeds_table(study: Study, comparison: Comparison) -> Table | None:
    """avg@k seed by seed, where there are several."""
    seeds = study.params.seeds
    if len(seeds) == 1:
        return None
    return Table(
        title="Seed by seed",
        note=f"avg@{comparison.samples} in percent, each seed's last policy: how far runs of one arm differ.",
        label="arm",
        columns=[f"seed {seed}" for seed in seeds],
        groups=[
            (
                benchmark,
                [
                    (arm, [Cell(percent(scores[benchmark].by_seed[seed])) for seed in seeds])
                    for arm, scores in comparison.arms.items()
                ],
            )
            for benchmark in study.benchmarks
        ],
    )


def verdict_sentences(study: Study, comparison: Comparison) -> list[str]:
    """For each arm but the baseline: on which benchmarks its difference to the baseline is clear of 0."""
    baseline = study.params.report.baseline
    sentences = []
    for arm, scores in comparison.arms.items():
        if arm == baseline:
            continue
        clear, unclear = [], []
        for benchmark, score in scores.items():
            if score.minus_baseline and score.minus_baseline.excludes_zero:
                clear.append(f"{signed(score.minus_baseline.mean)} points on {benchmark}")
            else:
                unclear.append(benchmark)
        parts = [", ".join(clear)] if clear else []
        if unclear:
            parts.append(f"no difference whose interval excludes 0 on {', '.join(unclear)}")
        sentences.append(f"{arm} compared with {baseline}: {'; '.join(parts)}.")
    return sentences


def _benchmark_title(benchmark: str, comparison: Comparison) -> str:
    return f"{benchmark}, {comparison.warm_start[benchmark].avg.problems} problems"


def _share(estimate: Estimate) -> Cell:
    return Cell(percent(estimate.mean), _bracket(percent(estimate.low), percent(estimate.high), estimate))


def _difference(estimate: Estimate | None) -> Cell:
    if estimate is None:
        return Cell("–")
    mark = (BETTER if estimate.mean > 0 else WORSE) if estimate.excludes_zero else ""
    return Cell(signed(estimate.mean), _bracket(signed(estimate.low), signed(estimate.high), estimate), mark)


def _bracket(low: str, high: str, estimate: Estimate) -> str:
    """Nothing where all problems have one value: a bootstrap cannot tell how far that would move."""
    return f"[{low}, {high}]" if estimate.low < estimate.high else ""
