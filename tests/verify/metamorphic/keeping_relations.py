"""The same relation, matrix, equation, letter or word, written otherwise."""

import re

from .parts import (
    INTEGER,
    WORD,
    is_formula,
    matrix,
    number,
    rows_of,
    sides_of,
    words_in,
)  # fmt: skip
from .rewriting import TABLE
from .value import value


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


@TABLE.keeps
def ratio_as_a_fraction(text: str) -> str | None:
    """`\\frac{3}{4}` for `3:4`, which is no time of the day."""
    found = re.fullmatch(r"(\d+):(\d+)", text)
    return rf"\frac{{{found[1]}}}{{{found[2]}}}" if found and len(found[2]) != 2 else None


@TABLE.keeps
def time_by_twenty_four_hours(text: str) -> str | None:
    found = re.fullmatch(r"(\d{1,2}):(\d\d)\s*\\text\{\s*p\.m\.\s*\}", text)
    return f"{int(found[1]) % 12 + 12}:{found[2]}" if found else None


@TABLE.keeps
def word_with_a_reason(text: str) -> str | None:
    return rf"{text}\text{{, because all else is excluded}}" if re.fullmatch(r"\\text\{[a-z]+\}", text) else None
