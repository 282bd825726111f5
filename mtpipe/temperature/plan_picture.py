"""The planned temperatures as a picture: over training, and within a response where a token rule says so."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from textwrap import fill

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
_TITLE = 32
"""Characters of a line of a panel's title."""
_ALONG = {"entropy": "untempered entropy, nats", "position": "position, tokens"}
_NATS = np.linspace(0, 3, 121)


def draw_plans(plans: list[RoundPlan], target: Path, tokens: int, warm_start: Path) -> None:
    """Writes `plan_figure` to a file.

    Raises MtpipeError if the file name's ending is no picture format.
    """
    figure = plan_figure(plans, tokens, warm_start)
    try:
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "plan"}):
            figure.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)
    except (ValueError, OSError) as error:
        raise MtpipeError(f"{target} could not be drawn: {error}") from None


def plan_figure(plans: list[RoundPlan], tokens: int, warm_start: Path) -> Figure:
    """A panel an arm, temperature by round, and one more for each arm whose rule follows entropy, position or lines.

    All panels have one scale of temperature, so that arms can be compared by eye.

    Args:
        tokens: the longest response, for rules of position.
        warm_start: the policy folder whose entropies turn quantiles into nats; before there is one, such a rule's panel
            says so.
    """
    panels: list[Callable[[Axes], None]] = []
    for arm, found in groupby(plans, key=lambda plan: plan.arm):
        of_arm = list(found)
        panels.append(partial(_by_round, arm=arm, plans=of_arm))
        if any(_can_be_drawn(response.rule) for response in of_arm[-1].responses()):
            panels.append(partial(_within, arm=arm, plan=of_arm[-1], tokens=tokens, warm_start=warm_start))
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(2.6 * columns + 0.6, 2.5 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axis, panel in zip(axes, panels, strict=False):
        panel(axis)
        axis.grid(alpha=0.3)
        axis.tick_params(labelleft=True)
        axis.set_title(fill(axis.get_title(), _TITLE), fontsize=9)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    figure.supylabel("temperature", fontsize=9)
    said = "By round: red the hottest tokens of a response, blue the coldest. Quantiles are those of the warm start."
    figure.suptitle(fill(said, 24 * columns), fontsize=8)
    return figure


def _can_be_drawn(rule: ResolvedRule) -> bool:
    """Whether a token's temperature follows from what a picture can have along an axis or as two curves."""
    if rule.kind == "uniform" or rule.batch_dependent or rule.random:
        return False
    return "window" not in type(rule).model_fields


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
        {str(response.rule): response.rule for response in plan.responses() if _can_be_drawn(response.rule)}.values()
    )
    axis.set(title=f"{arm}, round {plan.round}", xlabel=_ALONG[rules[0].depends_on or "entropy"])
    try:
        for rule in rules:
            curves = _curves(rule.frozen(partial(entropy_at, warm_start)), tokens)
            for (label, along, temperatures), colour in zip(curves, ("tab:purple", "tab:olive"), strict=False):
                axis.plot(along, temperatures, color=colour, alpha=0.6, label=label if rule is rules[0] else None)
    except MtpipeError:
        axis.text(
            0.5, 0.5, "its quantiles are known\nonce the warm start has run", ha="center", transform=axis.transAxes
        )
    if axis.get_legend_handles_labels()[1]:
        axis.legend(fontsize=7)


def _curves(rule: ResolvedRule, tokens: int) -> Iterator[tuple[str | None, np.ndarray, np.ndarray]]:
    """What a curve is of, entropies (nats) or positions, and the temperature at each.

    A rule that is a function of neither alone has two curves over entropy: at the start of a line and within one, if it
    asks for lines, else at the first token of a response and at the last.
    """
    along = np.arange(tokens) if rule.depends_on == "position" else _NATS
    numbers = {name: np.full(len(along), value) for name, value in rule.numbers.items()}
    if rule.depends_on:
        yield None, along, rule.at(numbers, NextTokens(entropies=along, positions=along))
    elif "line_end" in type(rule).model_fields:
        for label, starts in (("a line's first token", True), ("other tokens", False)):
            lines = np.full(len(along), starts)
            yield label, along, rule.at(numbers, NextTokens(entropies=along, positions=along, line_starts=lines))
    else:
        for label, position in (("first token", 0), (f"token {tokens}", tokens - 1)):
            places = np.full(len(along), position)
            yield label, along, rule.at(numbers, NextTokens(entropies=along, positions=places))
