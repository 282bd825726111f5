"""The differences to the baseline at a glance: one picture a benchmark, one line an arm."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from mtpipe.report.benchmark_names import spoken
from mtpipe.report.collect import Study
from mtpipe.report.comparison import Comparison
from mtpipe.report.differences import Difference
from mtpipe.report.svg import MUTED, Picture, draw, listed, look


def forest_pictures(study: Study, comparison: Comparison) -> list[Picture]:
    """Each arm's difference with its interval, on one scale; filled where it holds after correction.

    A band is one standard deviation between the baseline's seeds: what chance alone makes of a run.
    """
    baseline = study.params.report.baseline
    found = {
        benchmark: [
            (index, arm, scores[benchmark].minus_baseline)
            for index, (arm, scores) in enumerate(comparison.arms.items())
            if arm != baseline
        ]
        for benchmark in study.benchmarks
    }
    everything = [difference for lines in found.values() for _, _, difference in lines]
    return [
        forest(
            number,
            f"Difference to {baseline} on {spoken(study, benchmark)}.",
            f"points better than {baseline}",
            lines,
            everything,
            comparison.arms[baseline][benchmark].between_seeds,
        )
        for number, (benchmark, lines) in enumerate(found.items())
    ]


Line = tuple[int, str, Difference | None]
"""The arm's place among all, which decides its look, its name, and what is drawn."""


def forest(
    number: int,
    caption: str,
    unit: str,
    lines: Sequence[Line],
    everything: Sequence[Difference | None],
    between_seeds: float | None = None,
) -> Picture:
    """One picture: a line an arm, wide enough for `everything` that is drawn beside it.

    Args:
        number: of the picture on the page.
        between_seeds: half the width of a band around 0, as a share; None: no band.
    """
    ends = [100 * end for one in everything if one for end in (one.estimate.low, one.estimate.high)]
    reach = 1.08 * max([1.0, *map(abs, ends)])

    def plot(axes: Axes) -> None:
        axes.axvline(0, color=MUTED, linewidth=1)
        if between_seeds is not None:
            axes.axvspan(-100 * between_seeds, 100 * between_seeds, color=MUTED, alpha=0.15, linewidth=0)
        for row, (index, arm, difference) in enumerate(lines):
            if difference is None:
                continue
            style, estimate = look(index), difference.estimate
            axes.plot(
                [100 * estimate.low, 100 * estimate.high], [row, row], color=style.colour, linewidth=2.2, alpha=0.55
            )
            face = style.colour if difference.holds else "none"
            axes.plot(
                100 * estimate.mean,
                row,
                marker=style.marker,
                markersize=8,
                color=style.colour,
                markerfacecolor=face,
                label=arm,
            )
        axes.set_yticks(range(len(lines)), [arm for _, arm, _ in lines])
        axes.set_ylim(len(lines) - 0.4, -0.6)
        axes.set_xlim(-reach, reach)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(unit)

    parts = (
        f"{arm} {100 * difference.estimate.mean:+.1f} from {100 * difference.estimate.low:+.1f} "
        f"to {100 * difference.estimate.high:+.1f}"
        for _, arm, difference in lines
        if difference
    )
    height = 0.9 + 0.34 * len(lines)
    return Picture(draw(f"forest-{number}", f"{caption} {listed(parts)}", plot, height), caption)
