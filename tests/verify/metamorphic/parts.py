"""What kind of text a gold is, and its parts: strict patterns of the tests' own, which would rather not apply."""

import re
from fractions import Fraction

from .value import value

INTEGER = re.compile(r"-?\d+")
DECIMAL = re.compile(r"-?\d*\.\d+")
FRACTION = re.compile(r"(-?)\\[dt]?frac\{(-?)(\d+)\}\{(\d+)\}")
SLASHED = re.compile(r"(-?)(\d+)/(\d+)")
MIXED = re.compile(r"(-?)(\d+) ?\\[dt]?frac\{(\d+)\}\{(\d+)\}")
SCIENTIFIC = re.compile(r"(-?\d+(?:\.\d+)?) ?\\times ?10\^\{(-?\d+)\}")
PERCENT = re.compile(r"(-?\d+(?:\.\d+)?) ?\\?%")
DIGITS_IN_BASE = re.compile(r"(-?[0-9A-F]+)_\{?(\d+)\}?")
MATRIX = re.compile(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}", re.S)
WORD = re.compile(r"(?:\\text\{)?([A-Za-z]{3,}(?: [A-Za-z]+)*)\}?")
PIECE = re.compile(r"\\[A-Za-z]+|\\.|.", re.S)
OPENING, CLOSING = {"(", "[", "{", r"\{"}, {")", "]", "}", r"\}"}


def pieces(text: str) -> list[str]:
    """Characters, and commands in one piece."""
    return PIECE.findall(text)


def split(text: str, separator: str) -> list[str]:
    """The parts between separators that stand in no bracket."""
    parts, depth = [""], 0
    for piece in pieces(text):
        depth += (piece in OPENING) - (piece in CLOSING)
        if piece == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts]


def number(text: str) -> Fraction | None:
    """The exact number that an integer, a decimal or a numeric fraction is."""
    if INTEGER.fullmatch(text) or DECIMAL.fullmatch(text):
        return Fraction(text)
    if found := FRACTION.fullmatch(text):
        sign, inner, top, bottom = found.groups()
        return None if int(bottom) == 0 else Fraction(int(sign + "1") * int(inner + top), int(bottom))
    if found := SLASHED.fullmatch(text):
        sign, top, bottom = found.groups()
        return None if int(bottom) == 0 else Fraction(int(sign + top), int(bottom))
    return None


def is_fraction(text: str) -> bool:
    return bool((FRACTION.fullmatch(text) or SLASHED.fullmatch(text)) and number(text) is not None)


def words_in(text: str) -> bool:
    """Whether the text has words, or names of several letters, between its commands."""
    bare = re.sub(r"\\[A-Za-z]+|\\begin\{[a-z]+\}|\\end\{[a-z]+\}", " ", text)
    return bool(re.search(r"[A-Za-z]{3,}|\b[A-Z]{2,}\b", bare)) or r"\text" in text


def is_formula(text: str) -> bool:
    """A single formula this package's own parser reads, that is no plain number and no name."""
    return not words_in(text) and number(text) is None and value(text) is not None


def is_fixed(text: str) -> bool:
    """A formula without a constant to choose: a `C` may take up a changed term or sign."""
    return is_formula(text) and not any(str(letter)[0] in "Cc" for letter in value(text).free_symbols)


def raised(text: str) -> str:
    """One more."""
    return str(int(text) + 1) if INTEGER.fullmatch(text) else f"{text}+1"


def all_scalars(members: list[str] | None) -> list[str] | None:
    """The members, if each is a formula and none a tuple."""
    return members if members and all(value(member) is not None for member in members) else None


def list_of(text: str) -> list[str] | None:
    """The members of a list without brackets, all of them formulas or tuples, two or more, none of them dots."""
    parts = split(text, ",")
    if (
        len(parts) < 2
        or "dots" in text
        or words_in(text)
        or any(sign in text for sign in ("=", "<", ">", r"\le", r"\ge"))
    ):
        return None
    if re.fullmatch(r"\d{1,3}(,\d{3})+", text):
        return None  # thousands, as likely as a list
    return parts if all(value(part) is not None or tuple_of(part) for part in parts) else None


def tuple_of(text: str) -> list[str] | None:
    """The members in round brackets, two or more."""
    if not (text.startswith("(") and text.endswith(")")):
        return None
    inside = text[1:-1]
    depth = 0
    for piece in pieces(inside):
        depth += (piece in OPENING) - (piece in CLOSING)
        if depth < 0:
            return None
    parts = split(inside, ",")
    if len(parts) < 2 or r"\infty" in text or not all(value(part) is not None for part in parts):
        return None
    return [part.strip() for part in parts]


def set_of(text: str) -> list[str] | None:
    """The members in curly brackets."""
    if not (text.startswith(r"\{") and text.endswith(r"\}")):
        return None
    parts = split(text[2:-2], ",")
    return parts if len(parts) > 1 and all(value(part) is not None for part in parts) else None


def interval_of(text: str) -> tuple[str, str, str, str] | None:
    """Opening bracket, ends and closing bracket of what can only be an interval: infinite, or square."""
    text = text.strip()
    if len(text) < 5 or text[0] not in "([" or text[-1] not in ")]":
        return None
    ends = split(text[1:-1], ",")
    if len(ends) != 2 or (text[0] + text[-1] == "()" and r"\infty" not in text):
        return None
    for end in ends:
        if value(end) is None and end not in (r"\infty", r"-\infty", r"+\infty"):
            return None
    return text[0], ends[0], ends[1], text[-1]


def union_of(text: str) -> list[str] | None:
    """The intervals of a union of two or more, all of them intervals, also open finite ones."""
    parts = [part.strip() for part in re.split(r"\\cup(?![A-Za-z])", text)]
    if len(parts) < 2:
        return None
    if not all(
        part[:1] in tuple("([") and part[-1:] in tuple(")]") and len(split(part[1:-1], ",")) == 2 for part in parts
    ):
        return None
    return parts


def rows_of(text: str) -> list[list[str]] | None:
    """The entries of a matrix, where all rows are of one length and each entry is a formula."""
    found = MATRIX.fullmatch(text.strip())
    if not found:
        return None
    rows = [[entry.strip() for entry in row.split("&")] for row in found[1].split(r"\\") if row.strip()]
    if not rows or len({len(row) for row in rows}) != 1 or any(value(e) is None for row in rows for e in row):
        return None
    return rows


def matrix(rows: list[list[str]], kind: str = "pmatrix") -> str:
    return rf"\begin{{{kind}}}" + r" \\ ".join(" & ".join(row) for row in rows) + rf"\end{{{kind}}}"


def sides_of(text: str) -> tuple[str, str] | None:
    """Both sides of an equation with one equals sign between two formulas."""
    sides = [side.strip() for side in text.split("=")]
    if len(sides) != 2 or any(sign in text for sign in (",", "<", ">", r"\le", r"\ge", r"\ne", r"\neq")):
        return None
    return (sides[0], sides[1]) if all(side and value(side) is not None for side in sides) else None


def terms_of(text: str) -> list[str] | None:
    """The signed terms of a sum of two or more, `2x-3` as `["+2x", "-3"]`."""
    if value(text) is None:
        return None
    terms, depth, before = [""], 0, ""
    for piece in pieces(text):
        depth += (piece in OPENING) - (piece in CLOSING)
        if piece in "+-" and depth == 0 and before not in ("", "^", "_", "/", r"\cdot", r"\times"):
            terms.append(piece)
        else:
            terms[-1] += piece
        before = piece if piece.strip() else before
    terms = [term.strip() for term in terms if term.strip()]
    if len(terms) < 2 or text.count("|"):
        return None
    return [term if term[0] in "+-" else "+" + term for term in terms]
