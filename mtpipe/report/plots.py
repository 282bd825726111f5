"""The report's pictures of training: curves by round, temperatures, entropies, and the warm start's loss."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mtpipe.report.collect import Study
from mtpipe.report.comparison import WARM_START, Comparison, shown_k
from mtpipe.report.svg import INK, WARM_START_LOOK, draw, look
from mtpipe.temperature.token_rule import ResolvedEntropyThreshold


@dataclass(frozen=True)
class Picture:
    """An SVG element and the sentence under it."""

    svg: str
    caption: str


def training_curves(study: Study) -> list[Picture]:
    """Mean reward and mean untempered entropy of each round's rollouts, by arm; seeds as thin lines."""
    return [
        _by_round(
            study,
            "reward",
            "mean reward",
            "Training reward: mean over a round's rollouts, each arm at its own temperatures.",
        ),
        _by_round(
            study, "entropy", "nats a token", "Untempered entropy of the policy, mean over a round's sampled tokens."
        ),
    ]


def _by_round(study: Study, key: str, unit: str, caption: str) -> Picture:
    rounds = [round.n for round in study.params.rounds]
    seeds = study.params.seeds
    values = {
        arm: np.array([[update[key] for update in study.over_seeds(arm, round)] for round in rounds])
        for arm in study.params.arms
    }

    def plot(axes: Axes) -> None:
        for index, (arm, by_seed) in enumerate(values.items()):
            style = look(index)
            if len(seeds) > 1:
                axes.plot(rounds, by_seed, color=style.colour, linestyle=style.dash, linewidth=0.7, alpha=0.5)
            mean = by_seed.mean(axis=1)
            axes.plot(rounds, mean, color=style.colour, marker=style.marker, linestyle=style.dash, label=arm)
        _round_axis(axes, "round")
        axes.set_ylabel(unit)
        axes.legend()

    ends = (f"{arm} from {found[0].mean():.3f} to {found[-1].mean():.3f}" for arm, found in values.items())
    if len(seeds) > 1:
        caption += " Thin lines are single seeds."
    return Picture(draw(f"curve-{key}", f"{caption} {_listed(ends)}", plot), caption)


def evaluation_curves(study: Study, comparison: Comparison) -> list[Picture]:
    """avg@k by number of rounds, one picture a benchmark; none where only the last policy was evaluated."""
    if len(study.params.evaluate.after) == 1:
        return []

    def picture(number: int, benchmark: str) -> Picture:
        def plot(axes: Axes) -> None:
            for index, (arm, by_benchmark) in enumerate(comparison.history.items()):
                found = by_benchmark[benchmark]
                style = look(index)
                means = 100 * np.array([estimate.mean for estimate in found.values()])
                low = 100 * np.array([estimate.low for estimate in found.values()])
                high = 100 * np.array([estimate.high for estimate in found.values()])
                axes.fill_between(list(found), low, high, color=style.colour, alpha=0.15, linewidth=0)
                axes.plot(list(found), means, color=style.colour, marker=style.marker, linestyle=style.dash, label=arm)
            _round_axis(axes, "rounds of training")
            axes.set_ylabel(f"avg@{comparison.samples}, %")
            axes.legend()

        caption = f"Held-out avg@{comparison.samples} on {benchmark} by rounds of training; 0 is the warm start."
        ends = (
            f"{arm} ends at {100 * list(found[benchmark].values())[-1].mean:.1f} %"
            for arm, found in comparison.history.items()
        )
        return Picture(draw(f"history-{number}", f"{caption} {_listed(ends)}", plot), caption)

    return [picture(number, benchmark) for number, benchmark in enumerate(study.benchmarks)]


def pass_curves(study: Study, comparison: Comparison) -> list[Picture]:
    """pass@k by k, one picture a benchmark."""
    ks = shown_k(comparison.samples)
    policies = [
        (WARM_START, comparison.warm_start, WARM_START_LOOK),
        *((arm, scores, look(index)) for index, (arm, scores) in enumerate(comparison.arms.items())),
    ]

    highest = 100 * max(
        estimate.mean for _, scores, _ in policies for score in scores.values() for estimate in score.passes.values()
    )

    def picture(number: int, benchmark: str) -> Picture:
        def plot(axes: Axes) -> None:
            for name, scores, style in policies:
                values = [100 * estimate.mean for estimate in scores[benchmark].passes.values()]
                axes.plot(ks, values, color=style.colour, marker=style.marker, linestyle=style.dash, label=name)
            axes.set_xscale("log", base=2)
            axes.set_xticks(ks, [str(k) for k in ks])
            axes.minorticks_off()
            axes.set_ylim(0, highest * 1.08 or 1)
            axes.set_xlabel("k")
            axes.set_ylabel("pass@k, %")
            axes.legend()

        caption = f"pass@k on {benchmark}."
        ends = (
            f"{name} {100 * list(scores[benchmark].passes.values())[-1].mean:.1f} % at k = {comparison.samples}"
            for name, scores, _ in policies
        )
        return Picture(draw(f"pass-{number}", f"{caption} {_listed(ends)}", plot), caption)

    return [picture(number, benchmark) for number, benchmark in enumerate(study.benchmarks)]


def temperature_pictures(study: Study) -> list[Picture]:
    """The planned temperatures of each arm by round: a line for each response of a group, and its range."""
    rounds = [round.n for round in study.params.rounds]
    planned = {arm: _planned(study, arm) for arm in study.params.arms}
    everything = np.concatenate([values.ravel() for lines in planned.values() for values in lines.values()])
    margin = max(0.05, 0.08 * float(np.ptp(everything)))

    def picture(index: int, arm: str) -> Picture:
        style = look(index)

        def plot(axes: Axes) -> None:
            for kind, (name, values) in enumerate(planned[arm].items()):
                axes.fill_between(rounds, values.min(1), values.max(1), color=style.colour, alpha=0.15, linewidth=0)
                for line in np.unique(values, axis=1).T:
                    dash = "-" if kind == 0 else (0, (4, 2))
                    axes.plot(rounds, line, color=style.colour, linewidth=1.2, linestyle=dash, label=name)
                    name = "_"
            mean = [np.mean([found["temperature_mean"] for found in study.over_seeds(arm, n)]) for n in rounds]
            axes.plot(rounds, mean, color=INK, linestyle="none", marker="x", label="mean over sampled tokens")
            axes.set_ylim(everything.min() - margin, everything.max() + margin)
            _round_axis(axes, "round")
            axes.set_ylabel("temperature")
            axes.legend(fontsize=8)

        spans = (f"{name} {values.min():g} to {values.max():g}" for name, values in planned[arm].items())
        caption = f"{arm}: sampling temperatures by round."
        return Picture(draw(f"temperature-{arm}", f"{caption} {_listed(spans)}", plot), caption)

    return [picture(index, arm) for index, arm in enumerate(study.params.arms)]


def _planned(study: Study, arm: str) -> dict[str, np.ndarray]:
    """Temperatures [rounds, responses of a group] by what they hold for.

    Rounds in which a token rule resolved to one temperature appear with it in both lines.
    """
    rules = [study.plans[arm, round.n].rule for round in study.params.rounds]
    if not any(isinstance(rule, ResolvedEntropyThreshold) for rule in rules):
        return {"every token": np.array([rule.temperature for rule in rules])}  # type: ignore[union-attr]
    lows = [rule.low if isinstance(rule, ResolvedEntropyThreshold) else rule.temperature for rule in rules]
    highs = [rule.high if isinstance(rule, ResolvedEntropyThreshold) else rule.temperature for rule in rules]
    return {"high-entropy tokens": np.array(highs), "low-entropy tokens": np.array(lows)}


def entropy_pictures(study: Study) -> list[Picture]:
    """The untempered entropies of the last round's tokens, one picture an arm, all on the same axes."""
    found = {
        arm: [update["histogram"] for update in study.over_seeds(arm, study.last_round)] for arm in study.params.arms
    }
    shares = {}
    for arm, histograms in found.items():
        counts = np.sum([histogram["counts"] for histogram in histograms], axis=0)
        shares[arm] = counts / counts.sum()
    present = np.concatenate([values[values > 0] for values in shares.values()])
    floor = 10.0 ** np.floor(np.log10(present.min()))

    def picture(index: int, arm: str) -> Picture:
        style = look(index)
        histograms = found[arm]
        edges = np.array(histograms[0]["edges"])
        thresholds = [histogram["threshold"] for histogram in histograms if histogram["threshold"] is not None]

        def plot(axes: Axes) -> None:
            axes.stairs(shares[arm], edges, baseline=floor, fill=True, color=style.colour, alpha=0.3, linewidth=0)
            axes.stairs(np.maximum(shares[arm], floor), edges, baseline=None, color=style.colour, linewidth=1.4)
            for threshold in thresholds:
                axes.axvline(threshold, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
            axes.set_yscale("log")
            axes.set_ylim(floor, 1.5)
            axes.set_xlim(edges[0], edges[-1])
            axes.set_xlabel("untempered entropy, nats")
            axes.set_ylabel("% of tokens")
            axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}")
            axes.minorticks_off()

        caption = f"{arm}: entropies of the tokens sampled in round {study.last_round}, "
        if thresholds:
            hot = np.mean([histogram["hot_share"] for histogram in histograms])
            at = " and ".join(f"{threshold:.3f}" for threshold in thresholds)
            caption += f"{100 * hot:.1f} % of them at or above the threshold of {at} nats (dashed)."
        else:
            caption += "no threshold."
        return Picture(draw(f"entropy-{arm}", caption, plot), caption)

    return [picture(index, arm) for index, arm in enumerate(study.params.arms)]


def warm_start_picture(study: Study) -> Picture:
    """The warm start's supervised loss by optimizer step."""

    def plot(axes: Axes) -> None:
        axes.plot([entry["step"] for entry in study.curve], [entry["loss"] for entry in study.curve], color=INK)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("optimizer step")
        axes.set_ylabel("loss, nats a token")

    caption = "Loss of the supervised warm start."
    end = f" It ends at {study.curve[-1]['loss']:.3f}." if study.curve else ""
    return Picture(draw("warm-start", caption + end, plot), caption)


def _round_axis(axes: Axes, name: str) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(name)


def _listed(parts: Iterable[str]) -> str:
    return "; ".join(parts) + "."
