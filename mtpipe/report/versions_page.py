"""Two versions of a study on one page, side by side: differences, accuracy by round, and the settings that differ."""

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from mtpipe.errors import MtpipeError
from mtpipe.params import Params, differences, load_params
from mtpipe.report.cells import Cell, Table, percent
from mtpipe.report.claims import BETTER, MARKS, OTHER_POLICY, WORSE, difference_cell
from mtpipe.report.forest import forest
from mtpipe.report.html import render
from mtpipe.report.svg import Picture, draw, listed, look, marked, round_axis
from mtpipe.report.versions import Compared, said_of, settings_file
from mtpipe.settings.outputs import Report


def versions_page(before: str, after: str, found: list[Compared], report: Report) -> str:
    """The page; names of versions and arms are escaped."""
    arms = list(dict.fromkeys(one.arm for one in found))
    benchmarks = list(dict.fromkeys(one.benchmark for one in found))
    several = found[0].difference.estimate.seeds > 1
    marks_note = f"{BETTER} and {WORSE}: {MARKS[BETTER]}." if several else f"{OTHER_POLICY}: {MARKS[OTHER_POLICY]}."
    return render(
        "mtpipe.report",
        "page",
        template="versions",
        before=before,
        after=after,
        confidence=f"{100 * report.confidence:g} %",
        tested=said_of(found),
        marks=MARKS,
        marks_note=marks_note,
        colours={arm: Markup(look(index).css) for index, arm in enumerate(arms)},
        table=_table(before, after, found),
        forest=marked([_forest(number, name, before, after, found, arms) for number, name in enumerate(benchmarks)]),
        curves=marked([_curves(number, before, after, one, arms) for number, one in enumerate(found)]),
        settings=_settings(before, after),
    )


def _table(before: str, after: str, found: list[Compared]) -> Table:
    def cells(one: Compared) -> list[Cell]:
        difference = one.difference
        return [
            Cell(percent(one.before), order=one.before),
            Cell(percent(one.after), order=one.after),
            difference_cell(difference),
            Cell(f"{difference.adjusted:.2g}", order=difference.adjusted),
            Cell(percent(difference.detectable), order=difference.detectable),
        ]

    arms = dict.fromkeys(one.arm for one in found)
    return Table(
        title="After the last round",
        note="What both have. p is Holm's, over all rows. Detectable: what would be marked with a chance of 80 %.",
        label="benchmark",
        columns=[f"% correct, {before}", f"% correct, {after}", "difference", "p", "detectable"],
        groups=[(arm, [(one.benchmark, cells(one)) for one in found if one.arm == arm]) for arm in arms],
    )


def _forest(number: int, benchmark: str, before: str, after: str, found: list[Compared], arms: list[str]) -> Picture:
    lines = [(arms.index(one.arm), one.arm, one.difference) for one in found if one.benchmark == benchmark]
    everything = [one.difference for one in found]
    return forest(number, f"{after} minus {before} on {benchmark}.", f"points better than {before}", lines, everything)


def _curves(number: int, before: str, after: str, one: Compared, arms: list[str]) -> Picture:
    """One arm on one benchmark in both versions."""
    style = look(arms.index(one.arm))

    def plot(axes: Axes) -> None:
        for version, dash, curve in zip((before, after), ((0, (5, 2)), "-"), one.curves, strict=True):
            at = list(curve)
            low, mean, high = 100 * np.array([[point.low, point.mean, point.high] for point in curve.values()]).T
            axes.fill_between(at, low, high, color=style.colour, alpha=0.09, linewidth=0)
            axes.plot(at, mean, color=style.colour, marker=style.marker, linestyle=dash, label=version)
        round_axis(axes, "rounds of training")
        axes.set_ylabel("% correct")

    caption = f"{one.arm} on {one.benchmark}."
    ends = [f"{before} {100 * one.before:.1f} %", f"{after} {100 * one.after:.1f} %"]
    return Picture(draw(f"versions-{number}", f"{caption} {listed(ends)}", plot), caption)


def _settings(before: str, after: str) -> Table:
    try:
        found = differences(_params(after), others=_params(before))
        note = "" if found else "None differs."
    except MtpipeError as error:
        found, note = [], f"Not compared: {error}"
    rows = [(key, [Cell(there), Cell(here)]) for key, there, here in found]
    return Table("Settings that differ", note, "setting", [before, after], [("", rows)] if rows else [])


def _params(version: str) -> Params:
    """A version's settings; MtpipeError if it has none, or they are those of another version of the package."""
    with settings_file(version) as path:
        return load_params(path)
