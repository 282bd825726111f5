"""The report's pictures of temperature within a response: over entropy, or over position, as it was sampled."""

import numpy as np
from matplotlib.axes import Axes

from mtpipe.report.collect import Study
from mtpipe.report.svg import Picture, draw, look

_AXES = {"entropy": "untempered entropy, nats", "position": "position in the response, tokens"}


def profile_pictures(study: Study) -> list[Picture]:
    """Mean and range of the last round's temperatures, for the arms whose token rule has several."""
    pictures = []
    for index, arm in enumerate(study.params.arms):
        rule = study.plans[arm, study.last_round].responses()[0].rule
        if rule.kind != "uniform":
            over = rule.depends_on or "entropy"
            profiles = [update["profile"][over] for update in study.over_seeds(arm, study.last_round)]
            pictures.append(_profile(index, arm, over, profiles, study.last_round))
    return pictures


def _profile(index: int, arm: str, over: str, profiles: list[dict[str, list[float | None]]], round: int) -> Picture:
    style = look(index)
    columns = {
        name: [np.array(one[name], dtype=float) for one in profiles] for name in ("edges", "mean", "low", "high")
    }

    def plot(axes: Axes) -> None:
        for edges, mean, low, high in zip(*columns.values(), strict=True):
            middles, there = (edges[:-1] + edges[1:]) / 2, ~np.isnan(mean)
            axes.fill_between(middles[there], low[there], high[there], color=style.colour, alpha=0.18, linewidth=0)
            axes.plot(middles[there], mean[there], color=style.colour, marker=style.marker, markersize=3, label=arm)
        axes.set_xlabel(_AXES[over])
        axes.set_ylabel("temperature")

    low = min(float(np.nanmin(values)) for values in columns["low"])
    high = max(float(np.nanmax(values)) for values in columns["high"])
    caption = f"{arm}: temperatures of the tokens sampled in round {round} by {over}, mean (line) and range (band)."
    return Picture(draw(f"profile-{arm}", f"{caption} They go from {low:g} to {high:g}.", plot), caption)
