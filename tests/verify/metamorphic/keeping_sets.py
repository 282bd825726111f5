"""The same list, set, tuple or interval, written otherwise."""

import re

from .parts import (
    interval_of,
    list_of,
    set_of,
    split,
    tuple_of,
    union_of,
)  # fmt: skip
from .rewriting import TABLE
from .value import same, value

INFINITE = (r"\infty", r"+\infty", r"-\infty")


@TABLE.keeps
def list_backwards(text: str) -> str | None:
    members = list_of(text)
    return ", ".join(reversed(members)) if members else None


@TABLE.keeps
def list_rotated(text: str) -> str | None:
    members = list_of(text)
    return ", ".join([*members[1:], members[0]]) if members and len(members) > 2 else None


@TABLE.keeps
def list_with_and(text: str) -> str | None:
    members = list_of(text)
    return ", ".join(members[:-1]) + r" \text{ and } " + members[-1] if members else None


@TABLE.keeps
def list_with_comma_and_and(text: str) -> str | None:
    members = list_of(text)
    return ", ".join(members[:-1]) + r", \text{ and } " + members[-1] if members and len(members) > 2 else None


@TABLE.keeps
def list_with_semicolons(text: str) -> str | None:
    members = list_of(text)
    return "; ".join(members) if members else None


@TABLE.keeps
def list_in_set_braces(text: str) -> str | None:
    members = list_of(text)
    return r"\{" + ", ".join(members) + r"\}" if members and len(set(members)) == len(members) else None


@TABLE.keeps
def list_as_solutions(text: str) -> str | None:
    """`3, -3` as `x=3 or x=-3`."""
    members = list_of(text)
    if not members or any(value(member) is None or value(member).free_symbols for member in members):
        return None
    return r" \text{ or } ".join(f"x={member}" for member in members)


@TABLE.keeps
def list_as_numbered_solutions(text: str) -> str | None:
    members = list_of(text)
    if not members or any(value(member) is None or value(member).free_symbols for member in members):
        return None
    return ", ".join(f"x_{{{place}}}={member}" for place, member in enumerate(members, 1))


@TABLE.keeps_response
def list_in_two_boxes(text: str) -> str | None:
    members = list_of(text)
    if not members or len(members) != 2:
        return None
    return rf"The solutions are $\boxed{{{members[0]}}}$ and $\boxed{{{members[1]}}}$."


@TABLE.keeps
def opposite_values_as_plus_minus(text: str) -> str | None:
    members = list_of(text)
    if not members or len(members) != 2 or any(value(member) is None for member in members):
        return None
    positive = [member for member in members if not member.startswith("-")]
    if len(positive) != 1 or not same(f"-({positive[0]})", next(m for m in members if m != positive[0])):
        return None
    return rf"\pm {positive[0]}" if len(re.findall(r"[-+]", positive[0])) == 0 else None


@TABLE.keeps
def plus_minus_as_two_values(text: str) -> str | None:
    found = re.fullmatch(r"([^\\,]*?)\\pm ?([^,]+)", text)
    if not found or text.count(r"\pm") != 1 or value(found[2]) is None:
        return None
    first = found[1].strip()
    return f"{first + ' + ' if first else ''}{found[2]}, {first} - {found[2]}"


@TABLE.keeps
def set_backwards(text: str) -> str | None:
    members = set_of(text)
    return r"\{" + ", ".join(reversed(members)) + r"\}" if members else None


@TABLE.keeps
def set_without_braces(text: str) -> str | None:
    members = set_of(text)
    return ", ".join(members) if members else None


@TABLE.keeps
def tuple_with_spaces(text: str) -> str | None:
    members = tuple_of(text)
    return r"( " + r" ,\ ".join(members) + " )" if members else None


@TABLE.keeps
def tuples_in_a_set(text: str) -> str | None:
    members = list_of(text)
    if not members or not all(tuple_of(member) for member in members) or len(set(members)) < len(members):
        return None
    return r"\{" + ", ".join(members) + r"\}"


def _relation(interval: tuple[str, str, str, str], letter: str = "x") -> str | None:
    opening, low, high, closing = interval
    above, below = (r"\ge" if opening == "[" else ">"), (r"\le" if closing == "]" else "<")
    if low == r"-\infty" and high in INFINITE:
        return None
    if low == r"-\infty":
        return f"{letter} {below} {high}"
    if high in INFINITE:
        return f"{letter} {above} {low}"
    from_below = r"\le" if opening == "[" else "<"
    return f"{low} {from_below} {letter} {below} {high}"


def _interval(text: str) -> tuple[str, str, str, str] | None:
    found = interval_of(text)
    return None if found is None or "x" in found[1] + found[2] else found


@TABLE.keeps
def interval_as_a_relation(text: str) -> str | None:
    found = _interval(text)
    return _relation(found) if found else None


@TABLE.keeps
def interval_as_a_relation_read_backwards(text: str) -> str | None:
    found = _interval(text)
    if not found or (found[1] in INFINITE) == (found[2] in INFINITE):
        return None
    if found[1] in INFINITE:
        sign = r"\ge" if found[3] == "]" else ">"
        return f"{found[2]} {sign} x"
    sign = r"\le" if found[0] == "[" else "<"
    return f"{found[1]} {sign} x"


@TABLE.keeps
def interval_with_membership(text: str) -> str | None:
    return rf"x \in {text}" if _interval(text) else None


@TABLE.keeps
def interval_as_a_set_builder(text: str) -> str | None:
    found = _interval(text)
    relation = _relation(found) if found else None
    return rf"\{{x \in \mathbb{{R}} \mid {relation}\}}" if relation else None


@TABLE.keeps
def interval_with_signed_infinity(text: str) -> str | None:
    return re.sub(r"(?<!-)\\infty", r"+\\infty", text) if re.search(r"(?<![-+])\\infty", text) and "," in text else None


@TABLE.keeps
def union_backwards(text: str) -> str | None:
    parts = union_of(text)
    return r" \cup ".join(reversed(parts)) if parts else None


@TABLE.keeps
def union_as_relations(text: str) -> str | None:
    parts = union_of(text)
    if not parts or "x" in text:
        return None
    relations = [_relation((part[0], *split(part[1:-1], ","), part[-1])) for part in parts]
    return r" \text{ or } ".join(relations) if all(relations) else None


def _but_one(text: str) -> str | None:
    """The number that (-∞,a) ∪ (a,∞) leaves out."""
    found = re.fullmatch(r"\(-\\infty, ?([^,()]+)\) ?\\cup ?\(([^,()]+), ?\\infty\)", text)
    return found[1] if found and same(found[1], found[2]) else None


@TABLE.keeps
def all_numbers_but_one_as_a_relation(text: str) -> str | None:
    left_out = _but_one(text)
    return rf"x \neq {left_out}" if left_out else None


@TABLE.keeps
def all_numbers_but_one_as_a_difference(text: str) -> str | None:
    left_out = _but_one(text)
    return rf"\mathbb{{R}} \setminus \{{{left_out}\}}" if left_out else None


@TABLE.keeps
def open_ends_as_outward_brackets(text: str) -> str | None:
    """`]1,2]` for `(1,2]`, as in France; also in a union."""
    parts = union_of(text) or ([text] if interval_of(text) else [])
    outward = [part.replace("(", "]", 1) if part[0] == "(" else part for part in parts]
    outward = [part[:-1] + "[" if part[-1] == ")" else part for part in outward]
    return r" \cup ".join(outward) if outward != parts else None
