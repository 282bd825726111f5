"""Another list, set, tuple or interval."""

import re

from .parts import (
    all_scalars,
    interval_of,
    list_of,
    raised,
    set_of,
    tuple_of,
    union_of,
)  # fmt: skip
from .rewriting import TABLE
from .value import same


def _all_differ(members: list[str], other: str) -> bool:
    return all(same(member, other) is False for member in members)


@TABLE.changes
def list_with_one_left_out(text: str) -> str | None:
    members = list_of(text)
    if not members or members.count(members[-1]) > 1 or not _dropped_matters(members):
        return None
    return ", ".join(members[:-1])


def _dropped_matters(members: list[str]) -> bool:
    """The last one is equal to none of the others."""
    return all(same(member, members[-1]) is not True for member in members[:-1])


@TABLE.changes
def list_with_one_more(text: str) -> str | None:
    members = all_scalars(list_of(text))
    return f"{text}, 4711" if members and _all_differ(members, "4711") else None


@TABLE.changes
def list_with_one_changed(text: str) -> str | None:
    members = all_scalars(list_of(text))
    if not members or not _all_differ(members, changed := raised(members[0])):
        return None
    return ", ".join([changed, *members[1:]])


@TABLE.changes
def list_with_one_negated(text: str) -> str | None:
    members = all_scalars(list_of(text))
    if not members or not _all_differ(members, negated := f"-({members[0]})"):
        return None
    return ", ".join([negated, *members[1:]])


@TABLE.changes
def one_of_a_list(text: str) -> str | None:
    members = all_scalars(list_of(text))
    return members[0] if members and any(same(members[0], other) is False for other in members[1:]) else None


@TABLE.changes
def list_run_together(text: str) -> str | None:
    members = list_of(text)
    return "".join(members) if members and all(re.fullmatch(r"\d+", member) for member in members) else None


@TABLE.changes
def list_with_a_point_for_the_comma(text: str) -> str | None:
    return re.sub(", ?", ".", text) if re.fullmatch(r"-?\d+, ?\d+", text) and list_of(text) else None


@TABLE.changes
def list_summed_up(text: str) -> str | None:
    members = all_scalars(list_of(text))
    return "+".join(f"({member})" for member in members) if members else None


@TABLE.changes
def tuple_backwards(text: str) -> str | None:
    members = tuple_of(text)
    if not members or all(same(a, b) for a, b in zip(members, reversed(members), strict=True)):
        return None
    return f"({', '.join(reversed(members))})"


@TABLE.changes
def tuple_with_one_left_out(text: str) -> str | None:
    members = tuple_of(text)
    return f"({', '.join(members[:-1])})" if members else None


@TABLE.changes
def tuple_with_one_more(text: str) -> str | None:
    members = tuple_of(text)
    return f"({', '.join(members)}, 0)" if members else None


@TABLE.changes
def tuple_with_one_changed(text: str) -> str | None:
    members = tuple_of(text)
    return f"({', '.join([*members[:-1], raised(members[-1])])})" if members else None


@TABLE.changes
def tuple_with_one_negated(text: str) -> str | None:
    members = tuple_of(text)
    negated = f"-({members[0]})" if members else ""
    return f"({', '.join([negated, *members[1:]])})" if members and same(members[0], negated) is False else None


@TABLE.changes
def tuple_half_closed(text: str) -> str | None:
    return f"({', '.join(tuple_of(text))}]" if tuple_of(text) else None


@TABLE.changes
def first_of_a_tuple(text: str) -> str | None:
    members = tuple_of(text)
    return members[0] if members else None


@TABLE.changes
def tuples_with_two_coordinates_exchanged(text: str) -> str | None:
    """Of two points the second coordinates change places."""
    members = [tuple_of(member) for member in list_of(text) or ["", ""]]
    if len(members) != 2 or not all(member and len(member) == 2 for member in members):
        return None
    (a, b), (c, d) = members
    return f"({a}, {d}), ({c}, {b})" if same(b, d) is False and same(a, c) is False else None


@TABLE.changes
def set_with_one_left_out(text: str) -> str | None:
    members = set_of(text)
    return r"\{" + ", ".join(members[:-1]) + r"\}" if members and _dropped_matters(members) else None


@TABLE.changes
def set_with_one_more(text: str) -> str | None:
    members = set_of(text)
    return r"\{" + ", ".join([*members, "4711"]) + r"\}" if members and _all_differ(members, "4711") else None


@TABLE.changes
def closing_bracket_of_an_interval(text: str) -> str | None:
    found = interval_of(text)
    if not found or r"\infty" in found[2]:
        return None
    return f"{found[0]}{found[1]}, {found[2]}{')' if found[3] == ']' else ']'}"


@TABLE.changes
def opening_bracket_of_an_interval(text: str) -> str | None:
    found = interval_of(text)
    if not found or r"\infty" in found[1]:
        return None
    return f"{'(' if found[0] == '[' else '['}{found[1]}, {found[2]}{found[3]}"


@TABLE.changes
def upper_end_of_an_interval(text: str) -> str | None:
    found = interval_of(text)
    return f"{found[0]}{found[1]}, {raised(found[2])}{found[3]}" if found and r"\infty" not in found[2] else None


@TABLE.changes
def lower_end_of_an_interval(text: str) -> str | None:
    found = interval_of(text)
    return f"{found[0]}{found[1]}-1, {found[2]}{found[3]}" if found and r"\infty" not in found[1] else None


@TABLE.changes
def end_of_an_interval_negated(text: str) -> str | None:
    found = interval_of(text)
    if not found or r"\infty" in found[2] or same(found[2], f"-({found[2]})") is not False:
        return None
    return f"{found[0]}{found[1]}, -({found[2]}){found[3]}"


@TABLE.changes
def interval_made_finite(text: str) -> str | None:
    found = interval_of(text)
    return f"{found[0]}{found[1]}, 4711)" if found and found[2].endswith(r"\infty") else None


@TABLE.changes
def relation_turned_for_an_interval(text: str) -> str | None:
    """`x > 5` for (-∞,5)."""
    found = interval_of(text)
    if not found or found[1] != r"-\infty" or "infty" in found[2] or "x" in found[2]:
        return None
    return f"x > {found[2]}"


@TABLE.changes
def strictness_for_an_interval(text: str) -> str | None:
    """`x ≤ 5` for (-∞,5) and `x < 5` for (-∞,5]."""
    found = interval_of(text)
    if not found or found[1] != r"-\infty" or "infty" in found[2] or "x" in found[2]:
        return None
    return f"x < {found[2]}" if found[3] == "]" else rf"x \le {found[2]}"


@TABLE.changes
def ends_of_an_interval_as_a_set(text: str) -> str | None:
    found = interval_of(text)
    return rf"\{{{found[1]}, {found[2]}\}}" if found and "infty" not in text else None


@TABLE.changes
def union_with_a_part_left_out(text: str) -> str | None:
    parts = union_of(text)
    return r" \cup ".join(parts[:-1]) if parts else None


@TABLE.changes
def union_made_an_intersection(text: str) -> str | None:
    return text.replace(r"\cup", r"\cap") if union_of(text) else None


@TABLE.changes
def all_numbers_for_a_union(text: str) -> str | None:
    """The parts of a union in a gold leave at least one number out, or it would have been written so."""
    return r"\mathbb{R}" if union_of(text) else None
