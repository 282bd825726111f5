"""No single finished answer: two at once, an equation still to be solved, a bound, another thing altogether."""

from .parts import INTEGER, is_fixed, number
from .rewriting import TABLE
from .value import same


@TABLE.changes
def hedged_with_or(text: str) -> str | None:
    return rf"{text} \text{{ or }} {int(text) + 3}" if INTEGER.fullmatch(text) else None


@TABLE.changes
def hedged_with_a_comma(text: str) -> str | None:
    return f"{text}, {int(text) + 3}" if INTEGER.fullmatch(text) else None


@TABLE.changes
def hedged_the_other_way_round(text: str) -> str | None:
    return rf"{int(text) + 3} \text{{ or }} {text}" if INTEGER.fullmatch(text) else None


@TABLE.changes
def unfinished_product(text: str) -> str | None:
    return f"2x={2 * int(text)}" if INTEGER.fullmatch(text) and int(text) else None


@TABLE.changes
def unfinished_product_with_the_gold(text: str) -> str | None:
    return f"2x={text}" if number(text) else None


@TABLE.changes
def unfinished_sum(text: str) -> str | None:
    return f"x+1={text}" if number(text) is not None else None


@TABLE.changes
def unfinished_square(text: str) -> str | None:
    return f"x^2={text}" if number(text) not in (None, 0, 1) else None


@TABLE.changes
def bound_for_a_number(text: str) -> str | None:
    return rf"x \ge {text}" if number(text) is not None else None


@TABLE.changes
def a_far_number(text: str) -> str | None:
    return "-4711" if (number(text) is not None or is_fixed(text)) and same(text, "-4711") is False else None


@TABLE.changes
def no_number_at_all(text: str) -> str | None:
    return r"\text{none}" if number(text) is not None else None


@TABLE.changes
def infinity_for_a_number(text: str) -> str | None:
    return r"\infty" if number(text) is not None else None
