"""What accuracy goes with: each arm's mean temperature, and what it cost in sampled tokens."""

import numpy as np
from matplotlib.axes import Axes

from mtpipe.report.benchmark_names import spoken
from mtpipe.report.collect import Study
from mtpipe.report.comparison import Comparison
from mtpipe.report.equal_tokens import sampled_tokens
from mtpipe.report.svg import Picture, draw, listed, look


def mean_temperature(study: Study, arm: str) -> float:
    """The mean over all tokens that an arm sampled, all seeds together."""
    updates = [update for round in study.params.rounds for update in study.over_seeds(arm, round.n)]
    return float(np.average([one["temperature_mean"] for one in updates], weights=[one["tokens"] for one in updates]))


def trade_off_pictures(study: Study, comparison: Comparison) -> list[Picture]:
    """Accuracy on the first benchmark by mean temperature, and along training by sampled tokens."""
    benchmark = study.benchmarks[0]
    name = spoken(study, benchmark)
    scores = {arm: found[benchmark].avg for arm, found in comparison.arms.items()}
    heat = {arm: mean_temperature(study, arm) for arm in scores}
    spent = {arm: sampled_tokens(study, arm).mean(axis=1) / 1e6 for arm in scores}

    def by_temperature(axes: Axes) -> None:
        for index, (arm, found) in enumerate(scores.items()):
            style = look(index)
            ends = [[100 * (found.mean - found.low)], [100 * (found.high - found.mean)]]
            axes.errorbar(heat[arm], 100 * found.mean, yerr=ends, color=style.colour, linewidth=1, alpha=0.6)
            axes.plot([heat[arm]], [100 * found.mean], color=style.colour, marker=style.marker, markersize=8, label=arm)
        axes.set_xlabel("mean temperature of the sampled tokens")
        axes.set_ylabel("% correct")

    def by_cost(axes: Axes) -> None:
        for index, arm in enumerate(scores):
            style = look(index)
            found = [100 * estimate.mean for estimate in comparison.history[arm][benchmark].values()]
            axes.plot(spent[arm], found, color=style.colour, marker=style.marker, linestyle=style.dash, label=arm)
        axes.set_xlabel("tokens sampled in training, millions a seed")
        axes.set_ylabel("% correct")

    parts = [f"{arm} {100 * found.mean:.1f} % at {heat[arm]:.3f}" for arm, found in scores.items()]
    caption = f"Accuracy on {name} by the mean temperature of training."
    costs = [f"{arm} {spent[arm][-1]:.2f} million" for arm in scores]
    cost_caption = f"Accuracy on {name} by what was sampled to reach it; 0 is the warm start."
    return [
        Picture(draw("by-temperature", f"{caption} {listed(parts)}", by_temperature), caption),
        Picture(draw("by-cost", f"{cost_caption} {listed(costs)}", by_cost), cost_caption),
    ]
