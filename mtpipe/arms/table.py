"""The resolved temperatures as a table and as a picture."""

from itertools import groupby
from pathlib import Path

from mtpipe.errors import MtpipeError
from mtpipe.temperature.round_plan import ResponsePlan, RoundPlan
from mtpipe.temperature.rules.rule import Quantile


def response_temperatures(plan: RoundPlan) -> list[str]:
    """Each response's temperature as text: `1.2`, or `1|1.2` where its tokens get from 1 to 1.2."""
    spans = [response.rule.span() for response in plan.responses()]
    return [f"{low:g}" if low == high else f"{low:g}|{high:g}" for low, high in spans]


def format_plans(plans: list[RoundPlan]) -> str:
    """A table arm × round; the response columns are folded where all responses of the table are alike."""
    by_response = any(len(set(response_temperatures(plan))) > 1 for plan in plans)
    size = len(plans[0].responses())
    header = ["arm", "round", *([f"response {i}" for i in range(size)] if by_response else ["T"]), "hot from"]
    rows = [header]
    for plan in plans:
        temperatures = response_temperatures(plan)
        threshold = next(filter(None, map(_threshold, plan.responses())), "")
        rows.append([plan.arm, str(plan.round), *(temperatures if by_response else temperatures[:1]), threshold])
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines) + "\n\nT of each response; low|high: the least | the most that its tokens get."


def _threshold(response: ResponsePlan) -> str:
    level = getattr(response.rule, "threshold", None)
    if isinstance(level, Quantile):
        return f"quantile {level.quantile:g}"
    return "" if level is None else f"{level:g} nats"


def draw_plans(plans: list[RoundPlan], target: Path) -> None:
    """Draws one panel an arm: temperature against round, a line for each response (and for low and high).

    Raises MtpipeError where the file name's ending is no picture format.
    """
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    arms = {arm: list(of_arm) for arm, of_arm in groupby(plans, key=lambda plan: plan.arm)}
    figure, axes = pyplot.subplots(
        1, len(arms), figsize=(2.6 * len(arms) + 0.6, 3), sharey=True, squeeze=False, layout="constrained"
    )
    for axis, (arm, of_arm) in zip(axes[0], arms.items(), strict=True):
        rounds = [plan.round for plan in of_arm]
        for spans in zip(*([response.rule.span() for response in plan.responses()] for plan in of_arm), strict=True):
            axis.plot(rounds, [low for low, _ in spans], ".-", color="tab:blue", alpha=0.6)
            axis.plot(rounds, [high for _, high in spans], ".-", color="tab:red", alpha=0.6)
        axis.set(title=arm, xlabel="round", xticks=rounds)
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("temperature")
    figure.suptitle("red: the hottest tokens of a response; blue: the coldest", fontsize=8)
    try:
        figure.savefig(target)
    except (ValueError, OSError) as error:
        raise MtpipeError(f"{target} could not be drawn: {error}") from None
    finally:
        pyplot.close(figure)
