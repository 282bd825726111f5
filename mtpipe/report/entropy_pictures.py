"""The report's pictures of entropy: where the tokens of the last round stand, and which of them are hot."""

import numpy as np
from matplotlib.axes import Axes

from mtpipe.report.collect import Study
from mtpipe.report.svg import INK, Picture, draw, look


def entropy_pictures(study: Study) -> list[Picture]:
    """The untempered entropies of the last round's tokens: all arms in one picture, then one picture an arm."""
    found = {
        arm: [update["histogram"] for update in study.over_seeds(arm, study.last_round)] for arm in study.params.arms
    }
    shares = {}
    for arm, histograms in found.items():
        counts = np.sum([histogram["counts"] for histogram in histograms], axis=0)
        shares[arm] = counts / counts.sum()
    last = max(int(np.flatnonzero(values)[-1]) for values in shares.values()) + 1
    present = np.concatenate([values[values > 0] for values in shares.values()])
    floor = 10.0 ** np.floor(np.log10(present.min()))

    def picture(index: int, arm: str) -> Picture:
        style = look(index)
        histograms = found[arm]
        edges = np.array(histograms[0]["edges"])
        thresholds = [histogram["threshold"] for histogram in histograms if histogram["threshold"] is not None]
        hot = np.mean([histogram["hot_share"] for histogram in histograms]) if thresholds else 0.0

        def plot(axes: Axes) -> None:
            axes.stairs(shares[arm], edges, baseline=floor, fill=True, color=style.colour, alpha=0.3, linewidth=0)
            axes.stairs(
                np.maximum(shares[arm], floor), edges, baseline=None, color=style.colour, linewidth=1.4, label=arm
            )
            for threshold in thresholds:
                axes.axvline(threshold, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
            if thresholds:
                axes.axvspan(min(thresholds), edges[last], color=style.colour, alpha=0.09, linewidth=0)
                axes.text(edges[last], 1.0, f"{100 * hot:.1f} % hot ", ha="right", va="top")
            _frame(axes, floor, (edges[0], edges[last]))

        caption = f"{arm}: entropies of the tokens sampled in round {study.last_round}, "
        if thresholds:
            at = " and ".join(f"{threshold:.3f}" for threshold in thresholds)
            caption += f"{100 * hot:.1f} % of them at or above the threshold of {at} nats (dashed)."
        else:
            caption += "no threshold."
        return Picture(draw(f"entropy-{arm}", caption, plot), caption)

    def overlaid(axes: Axes) -> None:
        for index, arm in enumerate(study.params.arms):
            style, edges = look(index), np.array(found[arm][0]["edges"])
            values = np.maximum(shares[arm], floor)
            axes.stairs(values, edges, baseline=None, color=style.colour, linestyle=style.dash, label=arm)
        _frame(axes, floor, (edges[0], edges[last]))

    alone = [picture(index, arm) for index, arm in enumerate(study.params.arms)]
    if len(alone) == 1:
        return alone
    caption = f"All arms: entropies of the tokens sampled in round {study.last_round}."
    return [Picture(draw("entropies", caption, overlaid), caption), *alone]


def _frame(axes: Axes, floor: float, span: tuple[float, float]) -> None:
    """The axes that all of these pictures share."""
    axes.set_yscale("log")
    axes.set_ylim(floor, 1.5)
    axes.set_xlim(*span)
    axes.tick_params(axis="x", pad=8)  # else the first label runs into the lowest of the y axis
    axes.set_xlabel("untempered entropy, nats")
    axes.set_ylabel("% of tokens")
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}")
    axes.minorticks_off()
