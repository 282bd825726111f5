"""What the study says of the differences to the baseline: in sentences, in marks, and in numbers.

With several seeds the marks are about methods. With one seed nothing on the page is: two policies can differ while the
methods that trained them do not.
"""

from collections.abc import Iterator

from mtpipe.report.benchmark_names import spoken
from mtpipe.report.cells import Cell, Row, Table, bracket, listing, percent, signed
from mtpipe.report.collect import Study
from mtpipe.report.comparison import Comparison
from mtpipe.report.differences import Difference
from mtpipe.statistics.intervals import Estimate
from mtpipe.statistics.power import MOST_SEEDS

BETTER, WORSE, OTHER_POLICY = "▲", "▼", "≠"
MARKS = {
    BETTER: "the methods differ, after correction",
    WORSE: "the methods differ, after correction",
    OTHER_POLICY: "these two policies differ, after correction; one seed, so nothing about the methods",
}
_STUDIES = (3, 5, 10, 20, 50, 100)
"""Numbers of seeds for which the page says what they would show."""


def difference_cell(found: Difference | Estimate | None) -> Cell:
    """A difference in points with its interval, and its mark."""
    if found is None:
        return Cell("–")
    estimate = found.estimate if isinstance(found, Difference) else found
    mark = ""
    if isinstance(found, Difference):
        mark = (BETTER if estimate.mean > 0 else WORSE) if found.holds else OTHER_POLICY * found.policies_differ
    return Cell(signed(estimate.mean), bracket(signed(estimate.low), signed(estimate.high)), mark, estimate.mean)


def intervals_note(study: Study) -> str:
    """What the brackets and marks are, and what they are not."""
    report, seeds = study.params.report, len(study.params.seeds)
    confidence, alpha = f"{100 * report.confidence:g} %", f"{1 - report.confidence:.2g}"
    if seeds == 1:
        return (
            f"Brackets are {confidence} intervals over problems, paired by problem and not corrected: how far these "
            f"policies would differ on other problems of the same kind. {OTHER_POLICY} marks two policies that differ: "
            f"their sign-flip test over problems stays within {alpha} after Holm's correction over every arm and "
            f"benchmark of this page. Neither says what another training run of the same arms would do."
        )
    return (
        f"Brackets are {confidence} intervals over {seeds} seeds and the problems, paired by both and not corrected. "
        f"{BETTER} and {WORSE} mark a difference between methods that holds: the same interval's p-value stays within "
        f"{alpha} after Holm's correction over every arm and benchmark of this page. All runs share one warm start, so "
        f"they say nothing about another one."
    )


def claim_table(study: Study, comparison: Comparison) -> Table | None:
    """Arm by benchmark: the difference to the baseline. None if the baseline is the only arm."""
    baseline = study.params.report.baseline
    if not _others(study):
        return None
    own = [comparison.arms[baseline][benchmark] for benchmark in study.benchmarks]
    rows: list[Row] = [
        (arm, [difference_cell(comparison.arms[arm][name].minus_baseline) for name in study.benchmarks])
        for arm in _others(study)
    ]
    rows.append(
        (baseline, [Cell(f"{percent(score.avg.mean)} %", _noise(score.between_seeds), order=0) for score in own])
    )
    floor = (
        f" Beside {baseline}: how far its own seeds spread (standard deviation), the size of difference that chance "
        f"alone makes between two runs."
    )
    return Table(
        title=f"Difference to {baseline}",
        note=f"Percentage points of correct responses, after {study.after} rounds."
        + (floor if len(study.params.seeds) > 1 else ""),
        label="arm",
        columns=[spoken(study, name) for name in study.benchmarks],
        groups=[("", rows)],
    )


def equal_tokens_table(study: Study, comparison: Comparison) -> Table | None:
    """The same at equal sampled tokens, and the tokens that each arm sampled in all."""
    baseline = study.params.report.baseline
    if not _others(study):
        return None

    def total(arm: str) -> float:
        return sum(
            float(update["tokens"]) for round in study.params.rounds for update in study.over_seeds(arm, round.n)
        )

    def row(arm: str) -> Row:
        ratio = total(arm) / total(baseline)
        cells = [difference_cell(comparison.arms[arm][name].at_equal_tokens) for name in study.benchmarks]
        return arm, [Cell(f"{ratio:.3f}", order=ratio), *cells]

    return Table(
        title="At equal tokens",
        note=(
            f"The difference to {baseline} when both have sampled as many tokens for training, the smaller of their "
            f"two totals; on straight lines between evaluated policies, not tested. Tokens: sampled over all rounds, "
            f"as a multiple of {baseline}'s."
        ),
        label="arm",
        columns=["tokens", *(spoken(study, name) for name in study.benchmarks)],
        groups=[("", [row(arm) for arm in _others(study)])],
    )


def tests_table(study: Study, comparison: Comparison) -> Table | None:
    """Each difference with its p-values, the noise beside it, what could have been found, and the seeds it needs."""
    baseline, several = study.params.report.baseline, len(study.params.seeds) > 1

    def row(arm: str, benchmark: str, difference: Difference) -> Row:
        floor = comparison.arms[baseline][benchmark].between_seeds
        needed = difference.seeds_needed
        return arm, [
            difference_cell(difference),
            Cell(_noise(floor) or "unknown", order=floor),
            Cell(f"{difference.p_value:.4f}", order=difference.p_value),
            Cell(f"{difference.adjusted:.4f}", order=difference.adjusted),
            Cell(_points(difference.detectable) + " !" * difference.weak, order=difference.detectable),
            Cell(_seeds(needed, several), order=MOST_SEEDS + 1 if needed is None else needed),
        ]

    groups = [
        (
            spoken(study, benchmark),
            [
                row(arm, benchmark, found)
                for arm, scores in comparison.arms.items()
                if (found := scores[benchmark].minus_baseline)
            ],
        )
        for benchmark in study.benchmarks
    ]
    if not any(rows for _, rows in groups):
        return None
    test = "over seeds and problems" if several else "of these two policies, sign flips over problems"
    bound = "" if several else ", at least: as if training runs did not differ"
    return Table(
        title="Tests",
        note=(
            f"Noise: standard deviation between {baseline}'s seeds, in points. p: paired, two-sided, {test}. Holm: "
            f"corrected over all rows of this table. Detectable: the smallest true difference, in points, that would "
            f"be marked with a chance of 80 %; ! where it is larger than the difference shown, so that a missing mark "
            f"is no evidence that there is no effect. Seeds needed: to mark the difference shown with that chance, if "
            f"it is the true one{bound}. Both follow from the spread seen here, which few seeds know roughly."
        ),
        label="arm",
        columns=[f"− {baseline}", "noise", "p", "Holm", "detectable", "seeds needed"],
        groups=groups,
    )


def verdict_sentences(study: Study, comparison: Comparison) -> list[str]:
    """What was found, arm by arm; what could not have been; and how many seeds would settle it."""
    found = {arm: scores for arm, scores in _differences(study, comparison)}
    if not found:
        return []
    baseline, several = study.params.report.baseline, len(study.params.seeds) > 1
    sentences, without = [], []
    if not several:
        sentences.append(
            "One seed an arm: this page compares single policies, not methods. Another seed may differ by more than "
            "any bracket here shows, so nothing below is a claim about how to set the temperature."
        )
    for arm, scores in found.items():
        clear = [
            f"{signed(one.estimate.mean)} points on {spoken(study, name)}"
            for name, one in scores.items()
            if one.holds or one.policies_differ
        ]
        unclear = [spoken(study, name) for name, one in scores.items() if not (one.holds or one.policies_differ)]
        if not clear:
            without.append(arm)
            continue
        rest = "nothing that holds" if several else "no difference between the policies"
        subject = f"{arm} against {baseline}" if several else f"{arm}'s policy against {baseline}'s"
        sentences.append(f"{subject}: {listing(clear)}" + (f"; {rest} on {listing(unclear)}." if unclear else "."))
    if without:
        what = f"No difference to {baseline} holds for" if several else f"No difference to {baseline}'s policy for"
        sentences.append(f"{what} {listing(without)}, on any benchmark.")
    every = [one for scores in found.values() for one in scores.values()]
    return [*sentences, *_power_sentences(every, several)]


def _power_sentences(every: list[Difference], several: bool) -> Iterator[str]:
    weak = [one for one in every if one.weak]
    if weak:
        low, high = (_points(end([one.detectable for one in weak])) for end in (min, max))
        span = low if low == high else f"{low} to {high}"
        yield (
            f"{len(weak)} of {len(every)} comparisons show a difference smaller than what this study could detect "
            f"({span} points, with a chance of 80 %): there a missing mark is no evidence that there is no effect, and "
            f"a marked difference is probably smaller than it looks."
        )
    told: list[str] = []
    before = 0
    for seeds in _STUDIES:
        count = sum(one.seeds_needed is not None and one.seeds_needed <= seeds for one in every)
        if count > before:
            told.append(f"{seeds} seeds would mark {count} of {len(every)}" if not told else f"{seeds} seeds {count}")
        before = count
    bound = "" if several else "At best, because one seed does not show how far training runs differ: "
    opening = f"{bound}{'if' if bound else 'If'} the differences shown are the true ones"
    if told:
        yield f"{opening}, {listing(told)}, each with a chance of 80 %; the table of tests has the numbers one by one."
    else:
        yield f"{opening}, not even {_STUDIES[-1]} seeds would mark one of them with a chance of 80 %."


def _differences(study: Study, comparison: Comparison) -> Iterator[tuple[str, dict[str, Difference]]]:
    for arm in _others(study):
        scores = comparison.arms[arm].items()
        yield arm, {name: score.minus_baseline for name, score in scores if score.minus_baseline}


def _others(study: Study) -> list[str]:
    return [arm for arm in study.params.arms if arm != study.params.report.baseline]


def _noise(between_seeds: float | None) -> str:
    return "" if between_seeds is None else f"± {percent(between_seeds)}"


def _points(share: float) -> str:
    return "over 100" if share > 1 else percent(share)


def _seeds(needed: int | None, several: bool) -> str:
    return f"over {MOST_SEEDS}" if needed is None else f"{needed}" if several else f"at least {needed}"
