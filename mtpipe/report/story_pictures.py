"""Each arm in a row of small pictures: temperature, then entropy, then reward, then accuracy, round by round.

A column has one scale, and the baseline stands behind every other arm, so a row is read from its cause to its effect.
"""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mtpipe.report.benchmark_names import spoken
from mtpipe.report.collect import Study
from mtpipe.report.comparison import Comparison
from mtpipe.report.svg import MUTED, Picture, draw, listed, look, round_axis

_HEIGHT = 1.7
"""Inches; a row of four is then as wide as the page, and five rows are a screen."""

Curve = tuple[list[int], NDArray[np.float64]]
"""Rounds, and lowest, mean and highest value over the seeds of each, [3, rounds]."""


def story_rows(study: Study, comparison: Comparison) -> list[tuple[str, list[Picture]]]:
    """By arm its pictures from left to right; bands span the seeds; the accuracy's is its interval."""
    benchmark = study.benchmarks[0]
    columns: list[tuple[str, str, Callable[[str], Curve]]] = [
        ("mean temperature", "temperature of the sampled tokens", lambda arm: _metric(study, arm, "temperature_mean")),
        ("entropy, nats", "untempered entropy", lambda arm: _metric(study, arm, "entropy")),
        ("training reward", "reward at these temperatures", lambda arm: _metric(study, arm, "reward")),
        (
            "% correct",
            f"accuracy at T = {study.params.evaluate.of(benchmark).temperature:g}, {spoken(study, benchmark)}",
            lambda arm: _accuracy(comparison, arm, benchmark),
        ),
    ]
    rows: dict[str, list[Picture]] = {arm: [] for arm in study.params.arms}
    for number, (unit, what, curve) in enumerate(columns):
        curves = {arm: curve(arm) for arm in rows}
        for arm, row in rows.items():
            row.append(_picture(study, number, unit, what, curves, arm))
    return list(rows.items())


def _metric(study: Study, arm: str, key: str) -> Curve:
    rounds = [round.n for round in study.params.rounds]
    values = study.by_round(arm, key)
    return rounds, np.array([values.min(axis=1), values.mean(axis=1), values.max(axis=1)])


def _accuracy(comparison: Comparison, arm: str, benchmark: str) -> Curve:
    found = comparison.history[arm][benchmark]
    return list(found), 100 * np.array([[one.low, one.mean, one.high] for one in found.values()]).T


def _picture(study: Study, number: int, unit: str, what: str, curves: dict[str, Curve], arm: str) -> Picture:
    everything = np.concatenate([values.ravel() for _, values in curves.values()])
    low, high = float(np.nanmin(everything)), float(np.nanmax(everything))
    margin = 0.06 * (high - low) or 0.05
    rounds, (bottom, mean, top) = curves[arm]
    baseline = study.params.report.baseline
    style = look(study.params.arms.index(arm))

    def plot(axes: Axes) -> None:
        if arm != baseline:
            at, behind = curves[baseline]
            axes.plot(at, behind[1], color=MUTED, linewidth=1.2)
        axes.fill_between(rounds, bottom, top, color=style.colour, alpha=0.15, linewidth=0)
        axes.plot(rounds, mean, color=style.colour, marker=style.marker, markersize=3.5, label=arm)
        axes.set_ylim(low - margin, high + margin)
        round_axis(axes, "round" if number < 3 else "rounds of training")
        axes.set_ylabel(unit)

    caption = f"{arm}: {what}."
    ends = [f"from {mean[0]:.3g} to {mean[-1]:.3g} {unit}"]
    return Picture(draw(f"story-{number}-{arm}", f"{caption} {listed(ends)}", plot, _HEIGHT), caption)
