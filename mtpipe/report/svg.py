"""Matplotlib figures as SVG elements that stand inside an HTML page and follow its colours.

A figure is drawn in stand-in colours; in the SVG each becomes a CSS colour, so one drawing serves the light and the
dark theme. The same figure gives the same bytes on every run. Each value of a line, a bar or a histogram that has a
label is also a transparent circle with its numbers, which the page's script shows on hover and writes as CSV.
"""

import html
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.container import BarContainer, Container
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, StepPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

INK, MUTED = "#010203", "#010204"
_SERIES = [f"#0a0b{index:02x}" for index in range(1, 7)]
_MARKERS = "osD^vP"
Dash = str | tuple[float, tuple[float, ...]]
_DASHES: list[Dash] = [
    "-",
    *((0, steps) for steps in [(5, 2), (1.5, 1.5), (6, 1.5, 1, 1.5), (9, 3), (3, 1, 1, 1, 1, 1)]),
]
_KEY_MARKERS = {  # in a box of 28 by 10, around its middle
    "o": "M10 5a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "s": "M10.5 1.5h7v7h-7z",
    "D": "M14 .5l4.5 4.5-4.5 4.5-4.5-4.5z",
    "^": "M14 1l4.5 8h-9z",
    "v": "M14 9l4.5-8h-9z",
    "P": "M12.5 .5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "x": "M10.5 1.5l7 7m0-7l-7 7",
}
_CSS_COLOURS = {INK: "currentColor", MUTED: "var(--muted)"} | {
    colour: f"var(--series{index})" for index, colour in enumerate(_SERIES, 1)
}
_WIDTH, _HEIGHT = 3.7, 2.6
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": MUTED,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
}


class Look(NamedTuple):
    """How one arm is drawn everywhere: colour and marker both tell it apart, for the colour-blind and in print."""

    colour: str
    marker: str
    dash: Dash
    css: str


@dataclass(frozen=True)
class Picture:
    """An SVG element and the sentence under it."""

    svg: str
    caption: str


def marked(pictures: Iterable[Picture]) -> list[tuple[Markup, str]]:
    """Pictures as a template takes them: our own SVG unescaped, and the captions."""
    return [(Markup(picture.svg), picture.caption) for picture in pictures]


WARM_START_LOOK = Look(MUTED, "x", "-", _CSS_COLOURS[MUTED])


def look(index: int) -> Look:
    """The look of the arm at `index` of params.arms.

    After six arms the colours come again with other markers and dashes: of 36 arms no two share colour and marker, nor
    colour and dash.
    """
    cycle, position = divmod(index, len(_SERIES))
    colour = _SERIES[position]
    marker = _MARKERS[(position + cycle) % len(_MARKERS)]
    dash = _DASHES[(cycle + cycle // len(_MARKERS)) % len(_DASHES)]
    return Look(colour, marker, dash, _CSS_COLOURS[colour])


def key(style: Look) -> Markup:
    """An arm's line and marker for the legend, as a small SVG element."""
    steps = (
        "" if isinstance(style.dash, str) else f' stroke-dasharray="{" ".join(f"{step:g}" for step in style.dash[1])}"'
    )
    line = f'<path d="M0 5h28" stroke-width="1.5" opacity=".6"{steps}/>'
    drawn = f'{line}<path d="{_KEY_MARKERS[style.marker]}" fill="{style.css}"/>'
    return Markup(f'<svg class="key" viewBox="0 0 28 10" aria-hidden="true" stroke="{style.css}">{drawn}</svg>')


def draw(name: str, description: str, plot: Callable[[Axes], None], height: float = _HEIGHT) -> str:
    """One SVG element of the axes that `plot` fills.

    Args:
        name: letters, digits and hyphens; every id in the SVG starts with it, so that no two figures share one.
        description: what the figure shows, for those who do not see it.
        height: in inches; the width is the same for all.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**_STYLE, "svg.hashsalt": name})
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
        plot(axes)
        written = io.StringIO()
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        FigureCanvasSVG(figure).print_svg(written, metadata=metadata)  # `savefig` draws everything twice
        points = _points(axes, height)
    return _inline(written.getvalue(), name, description, height, points)


def _points(axes: Axes, height: float) -> str:
    """A transparent circle over each value of what has a label, with the numbers of the axes."""
    to_figure = axes.transData + axes.figure.transFigure.inverted()
    (left, right), (bottom, top) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
    named = _named_numbers(axes)
    circles = []
    for series, values in _labelled(axes):
        for x, y in values.tolist():
            if not (left <= x <= right and bottom <= y <= top):
                continue
            across, up = to_figure.transform((x, y))
            place = f'cx="{across * _WIDTH * 72:.1f}" cy="{(1 - up) * height * 72:.1f}"'
            told = {"series": series, "x": named.get(x, f"{x:.6g}"), "y": f"{y:.6g}"}
            data = " ".join(f'data-{key}="{html.escape(value)}"' for key, value in told.items())
            circles.append(f'<circle {place} r="6" {data}/>')
    names = f'data-x="{html.escape(axes.get_xlabel())}" data-y="{html.escape(axes.get_ylabel())}"'
    return f'<g class="points" fill="transparent" {names}>{"".join(circles)}</g>' if circles else ""


def _named_numbers(axes: Axes) -> dict[float, str]:
    """The numbers that stand at places of the x axis, if they were named one by one: temperatures at 0, 1, 2, say."""
    names, places = axes.xaxis.get_major_formatter(), axes.get_xticks().tolist()
    return dict(zip(places, names.format_ticks(places), strict=True)) if isinstance(names, FuncFormatter) else {}


def _labelled(axes: Axes) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The label and the values [values, 2] of all lines, bars and histograms that have a label."""
    artists: list[Line2D | Patch | Container] = [*axes.get_lines(), *axes.patches, *axes.containers]
    for artist in artists:
        label = str(artist.get_label())
        if not label or label.startswith("_"):
            continue
        if isinstance(artist, Line2D):
            yield label, np.asarray(artist.get_xydata(), dtype=float)
        elif isinstance(artist, StepPatch):
            values, edges, _ = artist.get_data()
            yield label, np.stack([(edges[:-1] + edges[1:]) / 2, values], axis=1)
        elif isinstance(artist, BarContainer):
            middles = [bar.get_x() + bar.get_width() / 2 for bar in artist]
            yield label, np.stack([np.round(middles, 9), np.asarray(artist.datavalues, dtype=float)], axis=1)


def _inline(document: str, name: str, description: str, height: float, points: str) -> str:
    """The <svg> element of an SVG document, without what a page does not need, and with the page's colours."""
    body = document[document.index(">", document.index("<svg")) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', body)
    body = body.replace("url(#", f"url(#{name}-")
    for colour, css in _CSS_COLOURS.items():
        body = body.replace(colour, css)
    title = f'<title id="{name}-title">{html.escape(description)}</title>'
    size = f"0 0 {_WIDTH * 72:g} {height * 72:g}"
    drawn = f"{title}{body.strip().removesuffix('</svg>')}{points}</svg>"
    return f'<svg viewBox="{size}" role="img" aria-labelledby="{name}-title">{drawn}'


def round_axis(axes: Axes, name: str) -> None:
    """Whole numbers along the x axis."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(name)


def listed(parts: Iterable[str]) -> str:
    """The end of a description for those who do not see the picture."""
    return "; ".join(parts) + "."
