"""The same set, tuple, interval, matrix, equation, letter or word, written otherwise."""

import re

from .parts import (
    INTEGER,
    WORD,
    interval_of,
    is_formula,
    list_of,
    matrix,
    number,
    rows_of,
    set_of,
    sides_of,
    split,
    tuple_of,
    union_of,
    words_in,
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
def relation_read_backwards(text: str) -> str | None:
    found = re.fullmatch(r"([^<>,=\\]+) ?(<|>|\\le|\\ge) ?([^<>,=\\]+)", text)
    if not found:
        return None
    turned = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}[found[2]]
    return f"{found[3].strip()} {turned} {found[1].strip()}"


@TABLE.keeps
def relation_as_an_interval(text: str) -> str | None:
    found = re.fullmatch(r"[a-z] ?(<|>|\\le|\\ge) ?(-?\d+)", text)
    if not found:
        return None
    bracket = "]" if found[1] == r"\le" else ")" if found[1] == "<" else "[" if found[1] == r"\ge" else "("
    return rf"(-\infty, {found[2]}{bracket}" if bracket in ")]" else rf"{bracket}{found[2]}, \infty)"


@TABLE.keeps
def matrix_in_square_brackets(text: str) -> str | None:
    rows = rows_of(text)
    return matrix(rows, "bmatrix") if rows else None


@TABLE.keeps
def matrix_as_an_array(text: str) -> str | None:
    rows = rows_of(text)
    if not rows:
        return None
    inside = r" \\ ".join(" & ".join(row) for row in rows)
    return rf"\left(\begin{{array}}{{{'c' * len(rows[0])}}} {inside} \end{{array}}\right)"


@TABLE.keeps
def matrix_as_an_array_in_square_brackets(text: str) -> str | None:
    rows = rows_of(text)
    if not rows:
        return None
    inside = r" \\ ".join("&".join(row) for row in rows)
    return rf"\left[\begin{{array}}{{{'r' * len(rows[0])}}}{inside}\end{{array}}\right]"


@TABLE.keeps
def matrix_with_line_distances(text: str) -> str | None:
    rows = rows_of(text)
    return matrix(rows).replace(r"\\", r"\\[4pt]") if rows and len(rows) > 1 else None


@TABLE.keeps
def matrix_with_a_last_line_break(text: str) -> str | None:
    return matrix(rows_of(text)).replace(r"\end", r" \\ \end") if rows_of(text) else None


@TABLE.keeps
def matrix_in_brackets_of_its_own(text: str) -> str | None:
    rows = rows_of(text)
    return rf"\left( {matrix(rows, 'matrix')} \right)" if rows else None


@TABLE.keeps
def small_matrix(text: str) -> str | None:
    rows = rows_of(text)
    return rf"\bigl({matrix(rows, 'smallmatrix')}\bigr)" if rows else None


@TABLE.keeps
def name_before_a_number(text: str) -> str | None:
    return f"x = {text}" if number(text) is not None else None


@TABLE.keeps
def name_before_a_formula(text: str) -> str | None:
    """A name of its own, before a value without letters."""
    found = value(text) if is_formula(text) else None
    return f"A = {text}" if found is not None and not found.free_symbols else None


@TABLE.keeps
def name_left_out(text: str) -> str | None:
    """`k = -33/2` as its right side, where the left side is one letter and the right side has none."""
    sides = sides_of(text)
    if not sides or not re.fullmatch(r"[A-Za-z]|[A-Za-z]_\{?\w\}?", sides[0]) or value(sides[1]).free_symbols:
        return None
    return sides[1]


@TABLE.keeps
def sides_of_an_equation_swapped(text: str) -> str | None:
    sides = sides_of(text)
    return f"{sides[1]} = {sides[0]}" if sides and "(" not in sides[0] else None


@TABLE.keeps
def equation_with_all_on_one_side(text: str) -> str | None:
    """Where both sides have letters, or one is zero: no mere definition of a name."""
    sides = sides_of(text)
    if not sides or "(" in text or sides[1] == "0":
        return None
    letters = [value(side).free_symbols for side in sides]
    return (
        f"{sides[0]} - ({sides[1]}) = 0"
        if all(letters) and {str(x) for s in letters for x in s} <= set("xyz")
        else None
    )


@TABLE.keeps
def equation_times_minus_one(text: str) -> str | None:
    sides = sides_of(text)
    return f"-({sides[0]}) = 0" if sides and sides[1] == "0" else None


@TABLE.keeps
def equation_doubled(text: str) -> str | None:
    sides = sides_of(text)
    return f"2({sides[0]}) = 0" if sides and sides[1] == "0" else None


@TABLE.keeps
def function_by_its_right_side(text: str) -> str | None:
    found = re.fullmatch(r"[fgh]\([a-z]\) ?= ?([^=]+)", text)
    return found[1] if found and value(found[1]) is not None and value(found[1]).free_symbols else None


@TABLE.keeps
def choice_in_brackets(text: str) -> str | None:
    return f"({text})" if re.fullmatch(r"[A-F]", text) else None


@TABLE.keeps
def choice_in_text_brackets(text: str) -> str | None:
    return rf"\textbf{{({text})}}" if re.fullmatch(r"[A-F]", text) else None


@TABLE.keeps
def choice_in_text(text: str) -> str | None:
    return rf"\text{{{text}}}" if re.fullmatch(r"[A-F]", text) else None


def _word(text: str) -> str | None:
    """A word of three letters or more, or a few; names in capitals alone are none."""
    found = WORD.fullmatch(text)
    return None if not found or found[1].isupper() else found[1]


@TABLE.keeps
def word_in_lower_case(text: str) -> str | None:
    return rf"\text{{{_word(text).lower()}}}" if _word(text) else None


@TABLE.keeps
def word_in_upper_case(text: str) -> str | None:
    return rf"\text{{{_word(text).upper()}}}" if _word(text) else None


@TABLE.keeps
def word_with_a_capital(text: str) -> str | None:
    return _word(text).capitalize() if _word(text) else None


@TABLE.keeps
def word_in_roman(text: str) -> str | None:
    return rf"\mathrm{{{_word(text)}}}" if _word(text) and " " not in _word(text) else None


@TABLE.keeps
def word_in_italics(text: str) -> str | None:
    return rf"\textit{{{_word(text)}}}" if _word(text) else None


@TABLE.keeps
def whole_number_over_one(text: str) -> str | None:
    return rf"\frac{{{text}}}{{1}}" if INTEGER.fullmatch(text) else None


@TABLE.keeps
def ratio_with_spaces(text: str) -> str | None:
    return " : ".join(text.split(":")) if re.fullmatch(r"\d+(:\d+)+", text) and not words_in(text) else None
