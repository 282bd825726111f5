"""Another relation, matrix, equation, letter or word."""

import re

from .parts import (
    WORD,
    matrix,
    raised,
    rows_of,
    sides_of,
)  # fmt: skip
from .rewriting import TABLE
from .value import same, value


@TABLE.changes
def relation_turned(text: str) -> str | None:
    found = re.fullmatch(r"([^<>,=\\]+) ?(<|>|\\le|\\ge) ?([^<>,=\\]+)", text)
    if not found:
        return None
    return found[1] + {"<": " > ", ">": " < ", r"\le": r"\ge ", r"\ge": r"\le "}[found[2]] + found[3]


@TABLE.changes
def relation_made_strict_or_not(text: str) -> str | None:
    found = re.fullmatch(r"([^<>,=\\]+) ?(<|>|\\le|\\ge) ?([^<>,=\\]+)", text)
    if not found:
        return None
    return found[1] + {"<": r"\le ", ">": r"\ge ", r"\le": "< ", r"\ge": "> "}[found[2]] + found[3]


@TABLE.changes
def matrix_transposed(text: str) -> str | None:
    rows = rows_of(text)
    if not rows:
        return None
    turned = [list(column) for column in zip(*rows, strict=True)]
    if len(turned) == len(rows) and all(
        same(a, b) for r, t in zip(rows, turned, strict=True) for a, b in zip(r, t, strict=True)
    ):
        return None
    return matrix(turned)


@TABLE.changes
def matrix_entry_changed(text: str) -> str | None:
    rows = rows_of(text)
    return matrix([*rows[:-1], [*rows[-1][:-1], raised(rows[-1][-1])]]) if rows else None


@TABLE.changes
def matrix_entry_negated(text: str) -> str | None:
    rows = rows_of(text)
    if not rows or same(rows[0][0], f"-({rows[0][0]})") is not False:
        return None
    return matrix([[f"-({rows[0][0]})", *rows[0][1:]], *rows[1:]], "bmatrix")


@TABLE.changes
def matrix_row_left_out(text: str) -> str | None:
    rows = rows_of(text)
    return matrix(rows[:-1]) if rows and len(rows) > 1 else None


@TABLE.changes
def matrix_rows_swapped(text: str) -> str | None:
    rows = rows_of(text)
    if not rows or len(rows) < 2 or all(same(a, b) for a, b in zip(rows[0], rows[1], strict=True)):
        return None
    return matrix([rows[1], rows[0], *rows[2:]])


@TABLE.changes
def determinant_for_a_matrix(text: str) -> str | None:
    rows = rows_of(text)
    return matrix(rows, "vmatrix") if rows and len(rows) == len(rows[0]) and len(rows) > 1 else None


@TABLE.changes
def first_entry_of_a_matrix(text: str) -> str | None:
    rows = rows_of(text)
    return rows[0][0] if rows else None


@TABLE.changes
def another_name_before_a_value(text: str) -> str | None:
    """`q = 7` for `k = 7`."""
    found = re.fullmatch(r"[a-pr-z] ?= ?([^=,]+)", text)
    return f"q = {found[1]}" if found and value(found[1]) is not None else None


@TABLE.changes
def right_side_of_an_equation_changed(text: str) -> str | None:
    sides = sides_of(text)
    return f"{sides[0]} = {sides[1]} + 1" if sides else None


@TABLE.changes
def equation_made_a_relation(text: str) -> str | None:
    sides = sides_of(text)
    return f"{sides[0]} < {sides[1]}" if sides else None


@TABLE.changes
def left_side_of_an_equation_alone(text: str) -> str | None:
    sides = sides_of(text)
    return sides[0] if sides and sides[1] != "0" and same(*sides) is False else None


@TABLE.changes
def sign_inside_an_equation(text: str) -> str | None:
    found = re.fullmatch(r"(.+\w) ?\+ ?(\w[^=+]*=.*)", text)
    return f"{found[1]} - {found[2]}" if found and sides_of(text) else None


@TABLE.changes
def the_next_choice(text: str) -> str | None:
    return chr(ord(text) + 1) if re.fullmatch(r"[A-F]", text) else None


@TABLE.changes
def two_choices(text: str) -> str | None:
    return f"{text}, {chr(ord(text) + 1)}" if re.fullmatch(r"[A-F]", text) else None


def _word(text: str) -> str | None:
    found = WORD.fullmatch(text)
    return found[1] if found else None


@TABLE.changes
def letters_of_a_word_swapped(text: str) -> str | None:
    found = re.search(r"([A-Za-z])(?!\1)([A-Za-z])(?=[A-Za-z]*$)", _word(text) or "", re.I)
    word = _word(text)
    return rf"\text{{{word[: found.start()] + found[2] + found[1] + word[found.end() :]}}}" if found else None


@TABLE.changes
def word_backwards(text: str) -> str | None:
    word = _word(text)
    return rf"\text{{{word[::-1]}}}" if word and word.lower() != word[::-1].lower() else None


@TABLE.changes
def letter_of_a_word_left_out(text: str) -> str | None:
    word = _word(text)
    return rf"\text{{{word[:-1]}}}" if word else None


@TABLE.changes
def not_before_a_word(text: str) -> str | None:
    word = _word(text)
    return rf"\text{{not {word}}}" if word else None


@TABLE.changes
def another_word(text: str) -> str | None:
    return r"\text{quince}" if _word(text) and _word(text).lower() != "quince" else None


@TABLE.changes
def ratio_backwards(text: str) -> str | None:
    found = re.fullmatch(r"(\d+):(\d+)", text)
    return f"{found[2]}:{found[1]}" if found and found[1] != found[2] else None


@TABLE.changes
def a_number_for_a_word(text: str) -> str | None:
    return "4711" if _word(text) else None
