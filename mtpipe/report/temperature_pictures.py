"""The report's pictures of temperature: what was planned, and how responses fared and differ by it."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from mtpipe.report.collect import Study
from mtpipe.report.svg import INK, MUTED, Dash, Look, Picture, draw, listed, look, round_axis

ADVANTAGE, RESPONSES = "share of the positive advantage", "share of the responses"
DIVERSITY = {"different_responses": "different texts", "different_answers": "different answers"}
"""Keys of `mtpipe.measure.temperature_shares`, and what they are called."""

ByTemperature = dict[float, dict[str, float]]
"""What was measured of one run's last round, by temperature."""


def temperature_pictures(study: Study) -> list[Picture]:
    """The temperatures of each arm by round, as planned or as a controller set them: lines, and their range."""
    rounds = [round.n for round in study.params.rounds]
    planned = {arm: planned_temperatures(study, arm) for arm in study.params.arms}
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
            axes.plot(
                rounds,
                study.by_round(arm, "temperature_mean").mean(axis=1),
                color=INK,
                linestyle="none",
                marker="x",
                label="mean over sampled tokens",
            )
            axes.set_ylim(everything.min() - margin, everything.max() + margin + 0.3 * float(np.ptp(everything)))
            round_axis(axes, "round")
            axes.set_ylabel("temperature")
            axes.legend(fontsize=8, loc="upper right")

        spans = (f"{name} {values.min():g} to {values.max():g}" for name, values in planned[arm].items())
        caption = f"{arm}: sampling temperatures by round."
        return Picture(draw(f"temperature-{arm}", f"{caption} {listed(spans)}", plot), caption)

    return [picture(index, arm) for index, arm in enumerate(study.params.arms)]


def planned_temperatures(study: Study, arm: str) -> dict[str, np.ndarray]:
    """Temperatures [rounds, responses of a group] by what they hold for: one line, or the two ends of a rule's span.

    What a controller set is known from the rollouts alone: the coldest and the hottest token over the seeds.
    """
    if study.plans[arm, 0].controller is not None:
        by_round = [study.over_seeds(arm, round.n) for round in study.params.rounds]
        coldest = [min(found["temperature_min"] for found in seeds) for seeds in by_round]
        hottest = [max(found["temperature_max"] for found in seeds) for seeds in by_round]
        return {"set by the controller": np.array([coldest, hottest]).T}
    spans = np.array(
        [[response.rule.span() for response in study.plans[arm, round.n].responses()] for round in study.params.rounds]
    )
    low, high = spans[..., 0], spans[..., 1]
    if np.array_equal(low, high):
        return {"every token": high}
    return {"hottest tokens": high, "coldest tokens": low}


def contribution_pictures(study: Study) -> list[Picture]:
    """Reward and positive advantage by sampling temperature in the last round, for arms that have several."""
    return [_contribution(*arm) for arm in _with_several(study)]


def diversity_pictures(study: Study) -> list[Picture]:
    """How much a response differs from its group by sampling temperature in the last round, for the same arms."""
    return [_diversity(*arm) for arm in _with_several(study)]


def _with_several(study: Study) -> Iterator[tuple[int, str, list[float], list[ByTemperature]]]:
    """Number and name of the arms whose last round has several temperatures, these, and what each run measured."""
    for index, arm in enumerate(study.params.arms):
        runs = [
            {entry["temperature"]: entry for entry in update["temperatures"]}
            for update in study.over_seeds(arm, study.last_round)
        ]
        temperatures = sorted({temperature for entries in runs for temperature in entries})
        if len(temperatures) > 1:
            yield index, arm, temperatures, runs


def _contribution(index: int, arm: str, temperatures: list[float], runs: list[ByTemperature]) -> Picture:
    none = {"reward": np.nan, "positive_advantage_share": 0.0, "responses": 0}
    found = [[entries.get(value, none) for entries in runs] for value in temperatures]
    reward = np.array([[entry["reward"] for entry in of_temperature] for of_temperature in found])
    share = np.array([[entry["positive_advantage_share"] for entry in of_temperature] for of_temperature in found])
    responses = np.array([sum(entry["responses"] for entry in of_temperature) for of_temperature in found])
    style = look(index)

    def plot(axes: Axes) -> None:
        at = np.arange(len(temperatures))
        axes.bar(at, share.mean(axis=1), width=0.55, color=style.colour, alpha=0.28, linewidth=0, label=ADVANTAGE)
        axes.plot(
            at, responses / responses.sum(), color=MUTED, marker="_", markersize=16, linestyle="none", label=RESPONSES
        )
        _runs_line(axes, reward, style, "-", "mean reward")
        _temperature_axis(axes, temperatures)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("reward, or share")

    caption = (
        f"{arm}: mean reward (line) and share of the positive advantage (bars) by temperature, last round. "
        f"A bar above its dash contributes more than its share of the responses."
    )
    parts = (
        f"T = {value:g} has reward {np.nanmean(reward[row]):.3f} and {100 * share[row].mean():.0f} % of the advantage"
        for row, value in enumerate(temperatures)
    )
    return Picture(draw(f"contribution-{arm}", f"{caption} {listed(parts)}", plot), caption)


def _diversity(index: int, arm: str, temperatures: list[float], runs: list[ByTemperature]) -> Picture:
    found = {
        name: np.array([[entries.get(value, {}).get(key, np.nan) for entries in runs] for value in temperatures])
        for key, name in DIVERSITY.items()
    }
    style = look(index)

    def plot(axes: Axes) -> None:
        dashes: list[Dash] = ["-", (0, (4, 2))]
        for (name, values), dash in zip(found.items(), dashes, strict=True):
            _runs_line(axes, values, style, dash, name)
        _temperature_axis(axes, temperatures)
        axes.set_ylim(0, 1.05)
        axes.set_ylabel("share of the group's others")

    caption = (
        f"{arm}: diversity by temperature, last round. Of the other responses of a response's group, the share with "
        f"another text (solid) and another final answer (dashed)."
    )
    parts = (
        f"T = {value:g} has {' and '.join(f'{100 * np.nanmean(found[name][row]):.0f} % {name}' for name in found)}"
        for row, value in enumerate(temperatures)
    )
    return Picture(draw(f"diversity-{arm}", f"{caption} {listed(parts)}", plot), caption)


def _runs_line(axes: Axes, values: np.ndarray, style: Look, dash: Dash, label: str) -> None:
    """The mean of runs by temperature as a line, and their range as a band; `values` are temperatures × runs."""
    at, mean = np.arange(len(values)), np.nanmean(values, axis=1)
    axes.plot(at, mean, color=style.colour, marker=style.marker, linestyle=dash, label=label)
    if values.shape[1] > 1:
        low, high = np.nanmin(values, axis=1), np.nanmax(values, axis=1)
        axes.fill_between(at, low, high, color=style.colour, alpha=0.15, linewidth=0)


def _temperature_axis(axes: Axes, temperatures: list[float]) -> None:
    """Planned temperatures side by side; many stand upright, because they would run together."""
    axes.set_xticks(range(len(temperatures)), [f"{value:g}" for value in temperatures])
    axes.tick_params(axis="x", labelrotation=90 if len(temperatures) > 8 else 0)
    axes.set_xlabel("planned temperature of the response")
