r"""From items to a value: lists, alternatives, relations, sets, intervals, tuples, and single values within them."""

import re
from collections.abc import Sequence

from mtpipe.verify.reader.cursor import Manner, flat
from mtpipe.verify.reader.formulas import read_formula
from mtpipe.verify.reader.groups import Group, Item, is_sign, is_word, split
from mtpipe.verify.reader.matrices import holds_matrix, read_matrix, rows_of
from mtpipe.verify.reader.numerals import number_in_words
from mtpipe.verify.reader.phrases import (
    is_wordy,
    mixed_words,
    read_words,
    without_membership,
    without_prose,
    without_qualifier,
    without_reason,
    words_of,
)
from mtpipe.verify.reader.scalars import classified, scalar
from mtpipe.verify.reader.tokens import Token, Unreadable
from mtpipe.verify.values.kinds import Builder, Combined, Dots, KnownSet, Number, Quantity, Relation, Value, Words
from mtpipe.verify.values.kinds import Sequence as Members

LONGEST = 256
RELATIONS = ("=", "<", ">", r"\le", r"\ge", r"\ne", r"\approx", r"\in", r"\notin")
_IMPLIES = (r"\implies", r"\Rightarrow", r"\Longrightarrow", r"\iff", r"\Leftrightarrow", r"\therefore", "=>")
_SETS = {r"\cup": "union", r"\cap": "intersection", r"\setminus": "difference"}
_ENDS = (".", ",", ";", ":", "?")


def read_value(items: Sequence[Item], manner: Manner) -> Value:
    """What all items together are. Raises Unreadable."""
    items = trimmed(without_membership(without_reason(without_prose(trimmed(items)))))
    if len(items) == 1 and isinstance(items[0], Group) and items[0].opening == "{" and not _has_comma(items[0].items):
        return read_value(items[0].items, manner)
    if not items:
        raise Unreadable("nothing")
    if any(is_sign(item, *_IMPLIES) for item in items):
        return read_value(split(items, *_IMPLIES)[-1], manner)
    if is_wordy(items) and not _has_comma(items) and (number := number_in_words(words_of(items))) is not None:
        return Number(number)  # three hundred and five
    parts, kind = _parts(items)
    if len(parts) > 1:
        return _list(parts, kind, manner)
    if len(items) > 1 and is_word(items[0], "minus", "negative"):
        value = read_value(items[1:], manner)
        if (negated := _negated(value)) is not None:
            return negated
    shorter = without_qualifier(items)
    if len(shorter) < len(items):
        value = read_value(shorter, manner)
        if isinstance(value, Number):
            raise Unreadable("a condition on a number")
        return value
    return _one(items, manner)


def _negated(value: Value) -> Number | Quantity | None:
    """Of `minus 4` and `negative four`; None for `negative slope`."""
    if isinstance(value, Quantity) and isinstance(value.amount, Number):
        return Quantity(Number(-value.amount.value, value.amount.step), value.unit)
    return Number(-value.value, value.step, value.worked_out) if isinstance(value, Number) else None


def trimmed(items: Sequence[Item]) -> tuple[Item, ...]:
    """Without punctuation at the ends."""
    items = tuple(items)
    while items and is_sign(items[-1], *_ENDS):
        items = items[:-1]
    while items and is_sign(items[0], ",", ";", ":", "?"):
        items = items[1:]
    return items


def _has_comma(items: Sequence[Item]) -> bool:
    return any(is_sign(item, ",", ";") for item in items)


def _parts(items: Sequence[Item]) -> tuple[list[tuple[Item, ...]], str]:
    """What stands between commas, "and" and "or", and whether it is a "list", alternatives ("or") or both (";")."""
    if any(is_sign(item, ";") for item in items):
        return [part for part in split(items, ";") if part], "list"
    parts: list[list[Item]] = [[]]
    kind = "list"
    for item in items:
        word = _connective(item)
        if word == "or":
            kind = "or"
        if word or is_sign(item, ",", r"\wedge", r"\vee"):
            parts.append([])
            if word and isinstance(item, Token) and len(item.text) > len(word):  # 1orW(x)
                parts[-1].append(Token("letters", item.text[len(word) :]))
        elif _is_either(item) and not parts[-1]:
            continue
        else:
            parts[-1].append(item)
    return [tuple(part) for part in parts if part], kind


def _connective(item: Item) -> str:
    if not isinstance(item, Token) or item.kind not in ("word", "letters"):
        return ""
    text = item.text.lower()
    if text in ("and", "or"):
        return text
    glued = re.fullmatch(r"(and|or)[A-Z]", item.text) if item.kind == "letters" else None
    return glued[1] if glued else ""


def _is_either(item: Item) -> bool:
    return isinstance(item, Token) and item.kind in ("word", "letters") and item.text.lower() in ("either", "both")


def _list(parts: list[tuple[Item, ...]], kind: str, manner: Manner) -> Value:
    if len(parts) > LONGEST:
        raise Unreadable(f"a list of more than {LONGEST}")
    members: list[Value] = []
    for part in parts:
        value = read_value(part, manner)
        if isinstance(value, Members) and value.kind == "list" and _has_comma(part):
            members.append(Members("()", tuple(map(right_side, value.members))))  # p=5,q=2; p=7,q=2
        elif isinstance(value, Members) and value.kind == "list":
            members.extend(value.members)  # \pm
        else:
            members.append(value)
    return Members(kind, tuple(_one_name(members)))


def _one_name(members: list[Value]) -> list[Value]:
    """n=1, 2, 3 as 1, 2, 3: the name goes for all."""
    first = members[0]
    if not isinstance(first, Relation) or first.signs != ("=",):
        return members
    if any(isinstance(one, Relation) for one in members[1:]):
        return members
    return [first.sides[1], *members[1:]]


def right_side(value: Value) -> Value:
    """2 of q=2; other values as they are."""
    return value.sides[-1] if isinstance(value, Relation) and set(value.signs) == {"="} else value


def _one(items: tuple[Item, ...], manner: Manner) -> Value:
    signs = [item.text for item in items if isinstance(item, Token) and is_sign(item, *RELATIONS)]
    if signs:
        parts = split(items, *RELATIONS)
        sides = [*(_read_side(side, manner) for side in parts[:-1]), read_value(trimmed(parts[-1]), manner)]
        return Relation(tuple(sides), tuple(signs))
    if any(is_sign(item, *_SETS) for item in items):
        return _combined(items, manner)
    if len(items) == 3 and is_sign(items[0], r"\mathbb{R}") and is_sign(items[1], "-"):
        return Combined("difference", (KnownSet("reals"), read_value(items[2:], manner)))
    if len(items) == 1:
        item = items[0]
        if is_sign(item, r"\emptyset"):
            return KnownSet("empty")
        if is_sign(item, r"\mathbb{R}"):
            return KnownSet("reals")
        if is_sign(item, r"\ldots"):
            return Dots()
        if isinstance(item, Group) and not holds_matrix(item):
            return _group(item, manner)
    if is_wordy(items):
        try:
            return read_words(items)
        except Unreadable:
            pass
    if isinstance(items[0], Group) and len(items) == 1 and items[0].opening.startswith("begin:"):
        return rows_of(items[0], manner, read_value)
    if (matrix := read_matrix(items, manner, read_value)) is not None:
        return matrix
    try:
        return scalar(items, manner)
    except Unreadable:
        return mixed_words(items)


def _read_side(items: Sequence[Item], manner: Manner) -> Value:
    r"""A side of a relation that is not the last; what cannot be read is a name, 17 \bmod 5 in 17 \bmod 5 = 2."""
    items = trimmed(items)
    if not items:
        raise Unreadable("a relation without one of its sides")
    try:
        return read_value(items, manner)
    except Unreadable:
        return Words((flat(items),))


def _combined(items: tuple[Item, ...], manner: Manner) -> Value:
    parts = split(items, *_SETS)
    ops = [item.text for item in items if isinstance(item, Token) and is_sign(item, *_SETS)]
    value = read_value(parts[0], manner)
    for op, part in zip(ops, parts[1:], strict=True):
        following = read_value(part, manner)
        if isinstance(value, Combined) and value.op == _SETS[op] != "difference":
            value = Combined(value.op, (*value.parts, following))
        else:
            value = Combined(_SETS[op], (value, following))
    return value


def _group(group: Group, manner: Manner) -> Value:
    """A value between one pair of brackets."""
    if group.opening == r"\{":
        return _set(group.items, manner)
    if group.opening in ("|(", r"\lfloor", r"\lceil"):
        return classified(read_formula([group], manner))
    if group.opening == "{" and any(_connective(item) for item in group.items):
        return read_value(group.items, manner)
    kind = {r"\langle": "<>", "{": "braces"}.get(group.opening, group.opening + group.closing)
    if not _has_comma(group.items):
        if kind in ("()", "braces"):
            return read_value(group.items, manner)
        if kind == "[]":
            return Members(kind, (read_value(group.items, manner),))
        raise Unreadable("brackets of two kinds around one value")
    members = _members(group.items, manner)
    return Members(kind, tuple(members))


def _members(items: Sequence[Item], manner: Manner) -> list[Value]:
    parts = split(items, ",", ";")
    if any(not part for part in parts) or len(parts) > LONGEST:
        raise Unreadable("a list with nothing between two commas")
    return [read_value(part, manner) for part in parts]


def _set(items: tuple[Item, ...], manner: Manner) -> Value:
    if not items:
        return KnownSet("empty")
    for sign in (r"\mid", "|", ":"):
        halves = split(items, sign)
        if len(halves) == 2 and all(halves) and any(is_sign(item, *RELATIONS) for item in halves[1]):
            letter = split(halves[0], r"\in")[0]
            return Builder(read_formula(letter, manner), read_value(halves[1], manner))
    members: list[Value] = []
    for value in _members(items, manner):
        if isinstance(value, Members) and value.kind == "list":
            members.extend(value.members)
        else:
            members.append(value)
    return Members("set", tuple(members))
