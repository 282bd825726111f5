"""The planned temperatures as a table."""

from mtpipe.temperature.round_plan import OpenRound, RoundPlan
from mtpipe.temperature.rules.rule import Quantile, ResolvedRule
from mtpipe.text_table import aligned

_TEMPERATURES = ("kind", "temperature", "low", "high")
"""Fields of rules that the temperature columns show already, or the rule's name."""


def response_temperatures(plan: RoundPlan) -> list[str]:
    """Each response's temperature as text: `1.2`, or `1|1.2` where its tokens get from 1 to 1.2.

    If temperatures are drawn, or set by a controller, when the round is sampled, there is one text for all: `0.5 to 2`.
    """
    spans = [response.rule.span() for response in plan.responses()]
    if isinstance(plan.group, OpenRound):
        return [f"{min(low for low, _ in spans):g} to {max(high for _, high in spans):g}"]
    return [f"{low:g}" if low == high else f"{low:g}|{high:g}" for low, high in spans]


def format_plans(plans: list[RoundPlan]) -> str:
    """A table arm × round; the response columns are folded where all responses of the table are alike."""
    found = [response_temperatures(plan) for plan in plans]
    size = max(map(len, found)) if any(len(set(temperatures)) > 1 for temperatures in found) else 1
    header = ["arm", "round", *([f"response {i}" for i in range(size)] if size > 1 else ["T"]), "rule"]
    rows = [header]
    for plan, temperatures in zip(plans, found, strict=True):
        cells = (temperatures + [""] * size)[:size]
        rows.append([plan.arm, str(plan.round), *cells, _described(plan)])
    rows.insert(1, ["-" * max(map(len, column)) for column in zip(*rows, strict=True)])
    return "\n".join(aligned(rows)) + (
        "\n\nT of each response. `a|b`: lowest and highest temperature among the response's tokens. `a to b`: drawn, "
        "or set by the controller, from this range when the round is sampled. "
        "q0.8: the 0.8 quantile of the entropies of the round before."
    )


def _described(plan: RoundPlan) -> str:
    """The rule with the numbers of the first response that has one, the controller, the truncation, and Mixed-CUTS."""
    rules = [response.rule for response in plan.responses() if response.rule.kind != "uniform"]
    parts = [_rule(rules[0])] if rules else []
    if plan.controller is not None:
        start = getattr(plan.controller, "start", None)
        parts += [f"set by {plan.controller.kind}" + ("" if start is None else f" from {start:g} on")]
    parts += [f"{name} {value:g}" for name, value in plan.truncation if value is not None]
    if plan.mixed_cuts is not None:
        parts += ["mixed_cuts " + " ".join(f"{name}={value:g}" for name, value in plan.mixed_cuts)]
    return ", ".join(parts)


def _rule(rule: ResolvedRule) -> str:
    numbers = {name: getattr(rule, name) for name in type(rule).model_fields if name not in _TEMPERATURES}
    return " ".join([rule.kind, *(f"{name}={_number(value)}" for name, value in numbers.items())])


def _number(value: float | str | Quantile) -> str:
    if isinstance(value, Quantile):
        return f"q{value.quantile:g}"
    return repr(value) if isinstance(value, str) else f"{value:g}"
