"""Problem by problem against the baseline: how many an arm solves more often, and where it differs most."""

from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from mtpipe import paths
from mtpipe.report.benchmark_names import spoken
from mtpipe.report.cells import Cell, Row, Table, percent, signed
from mtpipe.report.collect import Study

_SHOWN = 4
"""Problems that an arm gains most on, and as many that it loses most on."""


def solved_table(study: Study) -> Table | None:
    """For each arm and benchmark: on how many problems it does better, and which it alone solves."""
    baseline = study.params.report.baseline
    if len(study.params.arms) == 1:
        return None

    def row(arm: str, benchmark: str) -> Row:
        here, there = shares(study, arm, benchmark), shares(study, baseline, benchmark)
        counts = [here > there, here < there, (here > 0) & (there == 0), (here == 0) & (there > 0)]
        return arm, [Cell(f"{int(count.sum()):,}", order=int(count.sum())) for count in counts]

    return Table(
        title=f"Problems against {baseline}",
        note=(
            f"Number of problems that an arm solves with more or fewer of its responses than {baseline}, and that one "
            f"of the two solves at least once and the other never. Responses are few, so most of it is chance."
        ),
        label="arm",
        columns=["more often", "less often", "arm alone", f"{baseline} alone"],
        groups=[
            (spoken(study, benchmark), [row(arm, benchmark) for arm in _others(study)])
            for benchmark in study.benchmarks
        ],
    )


def problem_table(study: Study) -> Table | None:
    """The problems on which each arm gains and loses most, with links to its responses and the baseline's."""
    if len(study.params.arms) == 1:
        return None
    baseline = study.params.report.baseline
    return Table(
        title="Where they differ most",
        note=f"Percentage of correct responses, all seeds together; a number leads to the responses of seed "
        f"{study.params.seeds[0]}.",
        label="problem",
        columns=[baseline, "arm", "difference", "benchmark"],
        groups=[(arm, _extremes(study, arm)) for arm in _others(study)],
    )


def shares(study: Study, arm: str, benchmark: str) -> NDArray[np.float64]:
    """Each problem's share of correct responses, all seeds together: [problems]."""
    return np.mean([judged.correct.mean(axis=1) for judged in study.judged(benchmark, arm)], axis=0)


def _extremes(study: Study, arm: str) -> list[Row]:
    baseline = study.params.report.baseline
    found = [
        (float(here - there), problem, benchmark, float(there), float(here))
        for benchmark in study.benchmarks
        for problem, here, there in zip(
            study.judged(benchmark, arm)[0].problems,
            shares(study, arm, benchmark),
            shares(study, baseline, benchmark),
            strict=True,
        )
    ]
    ordered = sorted(found, key=lambda one: -one[0])
    best, worst = ordered[:_SHOWN], ordered[_SHOWN:][-_SHOWN:]
    return [
        (
            problem,
            [
                Cell(percent(there), order=there, link=_link(study, baseline, problem)),
                Cell(percent(here), order=here, link=_link(study, arm, problem)),
                Cell(signed(difference), order=difference),
                Cell(benchmark),
            ],
        )
        for difference, problem, benchmark, there, here in best + worst
    ]


def _link(study: Study, arm: str, problem: str) -> str:
    page = paths.evaluation_viewer(arm, study.params.seeds[0], study.after).relative_to(paths.REPORT)
    return f"{page.as_posix()}#{quote(problem, safe='')}"


def _others(study: Study) -> list[str]:
    return [arm for arm in study.params.arms if arm != study.params.report.baseline]
