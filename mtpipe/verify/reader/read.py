r"""Reading a text: the values that it can be, given what the gold is.

Most texts are one thing whatever the gold is. Where a text can be read in more than one way, the gold's kind decides:

* a comma between digits joins groups of three (81,256), unless the gold has several members; between other digits it
  is a decimal comma (1,22) if the gold is one number, or if the gold itself is of that form and the answer is 1.22;
* plain letters behind a number are a unit (12 ft, 9.8 m/s^2) or a label (5 apples), unless the gold has letters;
* a run of letters is a product of the gold's letters, else a word;
* `1/2x` may be x/2 or 1/(2x);
* `C) 14` and `C: 27` are the choice C if the gold is one.

Nothing here evaluates more than bounded exact arithmetic, and every step is linear in a text that the guard keeps
short.
"""

import re
from dataclasses import replace
from fractions import Fraction

from mtpipe.verify.reader.cursor import Manner
from mtpipe.verify.reader.groups import grouped
from mtpipe.verify.reader.structure import read_value
from mtpipe.verify.reader.tokens import Commas, Token, Unreadable, tokens_of
from mtpipe.verify.values.formula import symbol, symbols
from mtpipe.verify.values.kinds import (
    Builder,
    Colon,
    Combined,
    Expression,
    Matrix,
    Number,
    Quantity,
    Relation,
    Sequence,
    Value,
    Words,
)

_COMMA = re.compile(r"(?<!\d)\d+,\d+", re.A)
_MARKED_COMMA = re.compile(r"\{,\}|,\\!|\\!,")
_DECIMAL_COMMA = re.compile(r"-?\d+,(?:\d\d|\d{4,})", re.A)
_GROUPS = re.compile(r"(?<![\d.])\d{1,3}(?:,\d{3})+(?!\d)", re.A)


def read(text: str) -> Value:
    """The value that a gold is. Raises Unreadable."""
    return _read(text, "part" if _parts_a_list(text) else "join", Manner())


def read_otherwise(text: str) -> Value | None:
    """The number that a gold may be beside the list that `read` makes of it: 1,22 with a decimal comma.

    One digit behind the comma (2,6) is taken for a list of two alone, three (81,256) for thousands.
    """
    text = text.strip().strip("$").strip()
    return Number(Fraction(text.replace(",", "."))) if _DECIMAL_COMMA.fullmatch(text) else None


def readings(text: str, gold: Value | None) -> list[Value]:
    """The values that an answer can be, the likeliest first. Raises Unreadable if there is none."""
    manner = _manner(gold)
    found: list[Value] = []
    reason = Unreadable("nothing")
    for commas in _commas(text, gold):
        for tight in (False, True) if "/" in text else (False,):
            try:
                value = _read(text, commas, replace(manner, tight=tight))
            except Unreadable as error:
                reason = error
                continue
            if value not in found:
                found.append(value)
    if not found:
        raise reason
    return found


def _read(text: str, commas: Commas, manner: Manner) -> Value:
    try:
        tokens = tokens_of(text, commas)
        if manner.choice and (letter := _choice(tokens)):
            return Expression(symbol(letter))
        return read_value(grouped(tokens), manner)
    except RecursionError:
        raise Unreadable("too deep") from None


def _commas(text: str, gold: Value | None) -> list[Commas]:
    groups = _GROUPS.search(text) is not None
    if gold is not None and has_members(gold):
        return ["part", "join"] if groups else ["part"]
    if groups and not _parts_a_list(text):
        return ["join"]
    return ["part"] if groups or not _COMMA.search(text) else ["part", "decimal"]


def _parts_a_list(text: str) -> bool:
    """Whether a comma of the text cannot group digits, by itself or by the company of others: 27,54,108 and (2,102)."""
    plain = _MARKED_COMMA.sub("", text)
    rest = _GROUPS.sub("", plain)
    return "," in rest or re.search(r"(?:(?<![\\/])[(\[]|\\\{)[^()\[\]{}]*\d,\d{3}(?!\d)", plain, re.A) is not None


def has_members(value: Value) -> bool:
    """Whether a value has parts that commas may stand between."""
    if isinstance(value, Relation):
        return any(map(has_members, value.sides))
    return isinstance(value, Sequence | Combined | Matrix | Builder)


def _manner(gold: Value | None) -> Manner:
    if gold is None:
        return Manner()
    letters = letters_of(gold)
    choice = isinstance(gold, Expression) and gold.formula.op == "symbol" and gold.formula.name in tuple("ABCDEFGHIJ")
    return Manner(letters, units=not letters, choice=choice)


def letters_of(value: Value) -> frozenset[str]:
    """The symbols in a value."""
    if isinstance(value, Expression):
        return symbols(value.formula)
    if isinstance(value, Quantity):
        return letters_of(value.amount)
    if isinstance(value, Words):
        return frozenset(value.run)
    parts: tuple[Value, ...] = ()
    if isinstance(value, Sequence):
        parts = value.members
    elif isinstance(value, Relation):
        parts = value.sides
    elif isinstance(value, Combined | Colon):
        parts = value.parts
    elif isinstance(value, Matrix):
        parts = tuple(cell for row in value.rows for cell in row)
    elif isinstance(value, Builder):
        return symbols(value.letter) | letters_of(value.condition)
    return frozenset().union(*map(letters_of, parts))


def _choice(tokens: list[Token]) -> str | None:
    """The letter in front of `C`, `(C)`, `(C) 14`, `C) 14`, `C: 27` or `C. 27`."""
    texts = [token.text for token in tokens if token.text not in ("{", "}")]
    bracketed = texts[:1] == ["("]
    letter = texts[1:2] if bracketed else texts[:1]
    behind = texts[2:3] if bracketed else texts[1:2]
    if not letter or letter[0] not in tuple("ABCDEFGHIJabcdefghij"):
        return None
    letter = [letter[0].upper()]
    if bracketed:
        return letter[0] if behind == [")"] else None
    return letter[0] if not behind or behind[0] in (")", ":", ".") else None
