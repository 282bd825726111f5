"""The planned temperatures as a picture: over training, and within a response where a token rule says so."""

from collections.abc import Callable
from functools import partial
from itertools import groupby
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mtpipe.errors import MtpipeError
from mtpipe.temperature.entropy_table import entropy_at
from mtpipe.temperature.round_plan import OpenRound, RoundPlan
from mtpipe.temperature.rules.rule import NextTokens, ResolvedRule

_COLUMNS = 5
_NATS = np.linspace(0, 3, 121)


def draw_plans(plans: list[RoundPlan], target: Path, tokens: int, warm_start: Path) -> None:
    """Draws a panel an arm, temperature by round, and one more for each arm whose rule is a function of one quantity.

    Args:
        tokens: the longest response, for rules of position.
        warm_start: the policy folder whose entropies turn quantiles into nats; before there is one, such a rule's panel
            says so.

    Raises MtpipeError if the file name's ending is no picture format.
    """
    panels: list[Callable[[Axes], None]] = []
    for arm, found in groupby(plans, key=lambda plan: plan.arm):
        of_arm = list(found)
        panels.append(partial(_by_round, arm=arm, plans=of_arm))
        if any(response.rule.depends_on for response in of_arm[-1].responses()):
            panels.append(partial(_within, arm=arm, plan=of_arm[-1], tokens=tokens, warm_start=warm_start))
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(2.6 * columns + 0.6, 2.4 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, panel in zip(axes, panels, strict=False):
        panel(axis)
        axis.grid(alpha=0.3)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    figure.supylabel("temperature", fontsize=9)
    said = "by round: red the hottest tokens of a response, blue the coldest; quantiles are those of the warm start"
    figure.suptitle(said, fontsize=8)
    try:
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "plan"}):
            figure.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)
    except (ValueError, OSError) as error:
        raise MtpipeError(f"{target} could not be drawn: {error}") from None


def _by_round(axis: Axes, arm: str, plans: list[RoundPlan]) -> None:
    rounds = [plan.round for plan in plans]
    if any(isinstance(plan.group, OpenRound) for plan in plans):
        ends = [[end for response in plan.responses() for end in response.rule.span()] for plan in plans]
        axis.fill_between(rounds, [min(found) for found in ends], [max(found) for found in ends], alpha=0.2)
    by_response = zip(*([response.rule.span() for response in plan.responses()] for plan in plans), strict=True)
    for spans in dict.fromkeys(by_response):
        low, high = zip(*spans, strict=True)
        axis.plot(rounds, low, ".-", color="tab:blue")
        axis.plot(rounds, high, ".-", color="tab:red", alpha=0.6)
    axis.set(title=arm, xlabel="round" if plans[0].controller is None else "round; its controller's bounds")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _within(axis: Axes, arm: str, plan: RoundPlan, tokens: int, warm_start: Path) -> None:
    rules = list(
        {str(response.rule): response.rule for response in plan.responses() if response.rule.depends_on}.values()
    )
    axis.set(title=f"{arm}, round {plan.round}", xlabel=f"{rules[0].depends_on}")
    try:
        for rule in rules:
            axis.plot(*_curve(rule.frozen(partial(entropy_at, warm_start)), tokens), color="tab:purple", alpha=0.6)
    except MtpipeError:
        axis.text(
            0.5, 0.5, "its quantiles are known\nonce the warm start has run", ha="center", transform=axis.transAxes
        )


def _curve(rule: ResolvedRule, tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Entropies (nats) or positions, and the temperature at each."""
    along = _NATS if rule.depends_on == "entropy" else np.arange(tokens)
    numbers = {name: np.full(len(along), value) for name, value in rule.numbers.items()}
    return along, rule.at(numbers, NextTokens(entropies=along, positions=along))
