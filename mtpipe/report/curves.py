"""The report's curves: training and scores by round, pass@k by k, scores by temperature, the warm start's loss.

The arms' colours and markers are explained once on the page, above the pictures, so no picture has a legend.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mtpipe.report.benchmark_names import spoken
from mtpipe.report.collect import Study
from mtpipe.report.comparison import WARM_START, Comparison
from mtpipe.report.svg import INK, MUTED, WARM_START_LOOK, Picture, draw, listed, look, round_axis
from mtpipe.statistics.intervals import Estimate

_BANDS = 8  # the bands of more arms cover each other and the lines
_NO_BANDS = f"no bands, because there are more than {_BANDS} arms"


def training_curves(study: Study) -> list[Picture]:
    """Untempered entropy and length of each round's rollouts, by arm; the seeds' range as a band."""
    return [
        by_round(study, "entropy", "nats a token", "Untempered entropy of the policy over its sampled tokens"),
        by_round(study, "response_tokens", "tokens", "Length of the training responses"),
    ]


def reward_curves(study: Study, comparison: Comparison) -> list[Picture]:
    """Training reward at each arm's own temperatures, and accuracy at one temperature for all beside it.

    A hot arm's responses are worse because they are sampled hot, not because its policy is: the second picture has its
    policies at the first benchmark's temperature.
    """
    benchmark = study.benchmarks[0]
    temperature = study.params.evaluate.of(benchmark).temperature
    caption = f"Accuracy on {spoken(study, benchmark)}, every arm at T = {temperature:g}; 0 is the warm start."
    curves = {arm: by_benchmark[benchmark] for arm, by_benchmark in comparison.history.items()}
    return [
        by_round(study, "reward", "mean reward", "Training reward, each arm at its own temperatures"),
        _with_bands(study, "reward-at-one", caption, curves, "rounds of training"),
    ]


def by_round(study: Study, key: str, unit: str, caption: str) -> Picture:
    """The mean of a round's metric over seeds, by arm; a band spans the seeds."""
    rounds = [round.n for round in study.params.rounds]
    seeds = study.params.seeds
    values = {arm: study.by_round(arm, key) for arm in study.params.arms}

    def plot(axes: Axes) -> None:
        for index, (arm, by_seed) in enumerate(values.items()):
            style = look(index)
            if len(seeds) > 1 and len(values) <= _BANDS:
                axes.fill_between(
                    rounds, by_seed.min(axis=1), by_seed.max(axis=1), color=style.colour, alpha=0.15, linewidth=0
                )
            axes.plot(
                rounds,
                by_seed.mean(axis=1),
                color=style.colour,
                marker=style.marker,
                linestyle=style.dash,
                label=arm,
            )
        round_axis(axes, "round")
        axes.set_ylabel(unit)

    ends = (f"{arm} from {found[0].mean():.3f} to {found[-1].mean():.3f}" for arm, found in values.items())
    bands = f"the bands span {len(seeds)} seeds" if len(values) <= _BANDS else _NO_BANDS
    caption += ": mean of a round" + (f"; {bands}." if len(seeds) > 1 else ".")
    return Picture(draw(f"curve-{key.replace('_', '-')}", f"{caption} {listed(ends)}", plot), caption)


def evaluation_curves(study: Study, comparison: Comparison) -> list[Picture]:
    """avg@k by number of rounds on all benchmarks but the first, which `reward_curves` has."""
    caption = "avg@{samples} on {benchmark}; 0 is the warm start."
    return _by_benchmark(study, comparison, "history", comparison.history, caption, "rounds of training")[1:]


def lead_curves(study: Study, comparison: Comparison) -> list[Picture]:
    """The paired difference to the baseline by number of rounds, one picture a benchmark; none of a single round."""
    if len(study.params.evaluate.after) == 1:
        return []
    caption = f"Points better than {study.params.report.baseline} on {{benchmark}}, by rounds of training."
    return _by_benchmark(study, comparison, "lead", comparison.lead, caption, "rounds of training", "points")


def sweep_curves(study: Study, comparison: Comparison) -> list[Picture]:
    """avg@k of the last policies by evaluation temperature, one picture a benchmark; none without a sweep."""
    if not comparison.sweep:
        return []
    caption = "avg@{samples} on {benchmark} by evaluation temperature."
    return _by_benchmark(study, comparison, "sweep", comparison.sweep, caption, "evaluation temperature")


def _by_benchmark(
    study: Study,
    comparison: Comparison,
    name: str,
    curves: Mapping[str, Mapping[str, Mapping[int, Estimate] | Mapping[float, Estimate]]],
    caption: str,
    unit: str,
    height: str = "% correct",
) -> list[Picture]:
    return [
        _with_bands(
            study,
            f"{name}-{number}",
            caption.format(samples=comparison.warm_start[benchmark].samples, benchmark=spoken(study, benchmark)),
            {arm: by_benchmark[benchmark] for arm, by_benchmark in curves.items()},
            unit,
            height,
        )
        for number, benchmark in enumerate(study.benchmarks)
    ]


def _with_bands(
    study: Study,
    name: str,
    caption: str,
    curves: Mapping[str, Mapping[int, Estimate] | Mapping[float, Estimate]],
    unit: str,
    height: str = "% correct",
) -> Picture:
    def plot(axes: Axes) -> None:
        if height == "points":
            axes.axhline(0, color=MUTED, linewidth=1)
        for arm, found in curves.items():
            style = look(study.params.arms.index(arm))
            at = list(found)
            low, mean, high = (
                100 * np.array([getattr(estimate, end) for estimate in found.values()])
                for end in ("low", "mean", "high")
            )
            if len(curves) <= _BANDS:
                axes.fill_between(at, low, high, color=style.colour, alpha=0.09, linewidth=0)
            axes.plot(at, mean, color=style.colour, marker=style.marker, linestyle=style.dash, label=arm)
        axes.set_xlabel(unit)
        axes.set_ylabel(height)
        if unit.startswith("rounds"):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    if len(curves) > _BANDS:
        caption = f"{caption.removesuffix('.')}; {_NO_BANDS}."
    ends = (
        f"{arm} ends at {100 * list(found.values())[-1].mean:.1f} {height.split()[0]}" for arm, found in curves.items()
    )
    return Picture(draw(name, f"{caption} {listed(ends)}", plot), caption)


def pass_curves(study: Study, comparison: Comparison) -> list[Picture]:
    """pass@k for every k up to the number of samples, one picture a benchmark."""
    policies = [
        (WARM_START, comparison.warm_start, WARM_START_LOOK),
        *((arm, scores, look(index)) for index, (arm, scores) in enumerate(comparison.arms.items())),
    ]

    def picture(number: int, benchmark: str) -> Picture:
        samples = comparison.warm_start[benchmark].samples

        def plot(axes: Axes) -> None:
            for policy, scores, style in policies:
                score = scores[benchmark]
                at = np.array(list(score.passes)) - 1
                axes.plot(
                    np.arange(1, samples + 1),
                    100 * np.array(score.curve),
                    color=style.colour,
                    marker=style.marker,
                    linestyle=style.dash,
                    markevery=at.tolist(),
                    label=policy,
                )
            ticks = [2**power for power in range(samples.bit_length())]
            axes.set_xscale("log", base=2)
            axes.set_xticks(ticks, [str(k) for k in ticks])
            axes.minorticks_off()
            axes.set_xlabel("k")
            axes.set_ylabel("pass@k, %")

        caption = f"pass@k on {spoken(study, benchmark)}, k = 1 to {samples}."
        ends = (f"{name} {100 * scores[benchmark].curve[-1]:.1f} % at k = {samples}" for name, scores, _ in policies)
        return Picture(draw(f"pass-{number}", f"{caption} {listed(ends)}", plot), caption)

    return [picture(number, benchmark) for number, benchmark in enumerate(study.benchmarks)]


def warm_start_picture(study: Study) -> Picture:
    """The warm start's supervised loss by optimizer step."""

    def plot(axes: Axes) -> None:
        axes.plot([entry["step"] for entry in study.curve], [entry["loss"] for entry in study.curve], color=INK)
        axes.set_ylim(bottom=0)
        round_axis(axes, "optimizer step")
        axes.set_ylabel("loss, nats a token")

    caption = "Loss of the supervised warm start."
    return Picture(draw("warm-start", f"{caption} It ends at {study.curve[-1]['loss']:.3f}.", plot), caption)
