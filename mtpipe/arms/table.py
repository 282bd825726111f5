"""The resolved temperatures as a table and as a picture."""

from itertools import groupby
from pathlib import Path

from mtpipe.errors import MtpipeError
from mtpipe.temperature.round_plan import RoundPlan
from mtpipe.temperature.token_rule import ResolvedUniform, Threshold


def response_temperatures(plan: RoundPlan) -> list[str]:
    """Each response's temperature as text: `1.2`, or `1|1.2` for low|high."""
    if isinstance(plan.rule, ResolvedUniform):
        return [f"{temperature:g}" for temperature in plan.rule.temperature]
    return [f"{low:g}|{high:g}" for low, high in zip(plan.rule.low, plan.rule.high, strict=True)]


def format_plans(plans: list[RoundPlan]) -> str:
    """A table arm × round; the response columns are folded where all responses of the table are alike."""
    by_response = any(len(set(response_temperatures(plan))) > 1 for plan in plans)
    size = len(plans[0].base)
    header = ["arm", "round", *([f"response {i}" for i in range(size)] if by_response else ["T"]), "hot from"]
    rows = [header]
    for plan in plans:
        temperatures = response_temperatures(plan)
        threshold = "" if isinstance(plan.rule, ResolvedUniform) else _threshold(plan.rule.threshold)
        rows.append([plan.arm, str(plan.round), *(temperatures if by_response else temperatures[:1]), threshold])
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines) + "\n\nT of each response; low|high: below | from the entropy threshold on."


def _threshold(threshold: Threshold) -> str:
    if threshold.nats is not None:
        return f"{threshold.nats:g} nats"
    return f"quantile {threshold.quantile:g}"


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
        for response in range(len(of_arm[0].base)):
            axis.plot(rounds, [_low_high(plan, response)[0] for plan in of_arm], ".-", color="tab:blue", alpha=0.6)
            axis.plot(rounds, [_low_high(plan, response)[1] for plan in of_arm], ".-", color="tab:red", alpha=0.6)
        axis.set(title=arm, xlabel="round", xticks=rounds)
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("temperature")
    figure.suptitle("red: tokens from the entropy threshold on; blue: below", fontsize=8)
    try:
        figure.savefig(target)
    except (ValueError, OSError) as error:
        raise MtpipeError(f"{target} could not be drawn: {error}") from None
    finally:
        pyplot.close(figure)


def _low_high(plan: RoundPlan, response: int) -> tuple[float, float]:
    if isinstance(plan.rule, ResolvedUniform):
        return plan.rule.temperature[response], plan.rule.temperature[response]
    return plan.rule.low[response], plan.rule.high[response]
