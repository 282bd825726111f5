"""The table on the report's first screen: which control, by how much, how sure, at what cost."""

from mtpipe.report.benchmark_names import spoken
from mtpipe.report.cells import Cell, Row, Table, percent
from mtpipe.report.claims import difference_cell
from mtpipe.report.collect import Study
from mtpipe.report.comparison import Comparison
from mtpipe.report.differences import Difference
from mtpipe.report.equal_tokens import sampled_tokens
from mtpipe.report.trade_offs import mean_temperature


def glance_table(study: Study, comparison: Comparison) -> Table:
    """Every arm on the first benchmark, the best first; the baseline's row has no difference."""
    baseline, benchmark = study.params.report.baseline, study.benchmarks[0]
    scores = {arm: found[benchmark] for arm, found in comparison.arms.items()}
    spent = {arm: float(sampled_tokens(study, arm)[-1].sum()) for arm in scores}
    noise = scores[baseline].between_seeds
    over = "seeds and problems" if len(study.params.seeds) > 1 else "problems alone"
    confidence = f"{100 * study.params.report.confidence:g} %"

    def row(arm: str) -> Row:
        score, heat = scores[arm], mean_temperature(study, arm)
        return arm, [
            Cell(percent(score.avg.mean), order=score.avg.mean),
            difference_cell(score.minus_baseline),
            Cell("baseline" if score.minus_baseline is None else how_sure(score.minus_baseline)),
            Cell(f"{heat:.3f}", order=heat),
            Cell(f"× {spent[arm] / spent[baseline]:.3f}", order=spent[arm]),
        ]

    floor = (
        f"Two runs of {baseline} alone differ by chance: the standard deviation between its seeds is {percent(noise)} "
        f"points."
        if noise is not None
        else f"One seed: how far two runs of {baseline} differ by chance is unknown."
    )
    return Table(
        title=f"After {study.after} rounds, on {spoken(study, benchmark)}",
        note=(
            f"An arm is one way to set the temperature; all else is equal. Brackets: {confidence} over {over}. {floor}"
        ),
        label="arm",
        columns=["% correct", f"points better than {baseline}", "how sure", "mean temperature", "tokens sampled"],
        groups=[("", [row(arm) for arm in sorted(scores, key=lambda arm: -scores[arm].avg.mean)])],
    )


def how_sure(found: Difference) -> str:
    """The verdict of the test in a few words; also whether the study could have seen a difference of this size."""
    if found.holds:
        sure = f"holds, corrected p = {found.adjusted:.2g}"
    elif found.policies_differ:
        sure = f"these two policies differ, corrected p = {found.adjusted:.2g}"
    else:
        sure = "not told apart from chance"
    weak = f"; only {percent(found.detectable)} points would be found reliably" if found.weak else ""
    return sure + weak
