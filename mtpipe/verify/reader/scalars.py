r"""Single values: numbers, expressions, quantities with units, digits in a base, ratios and times."""

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from mtpipe.verify.reader.cursor import Manner, flat
from mtpipe.verify.reader.formulas import read_formula
from mtpipe.verify.reader.groups import Group, Item, is_sign, split
from mtpipe.verify.reader.numerals import BASES, MULTIPLES, POWERS, number_in_words
from mtpipe.verify.reader.tokens import Token, Unreadable
from mtpipe.verify.reader.units import LETTERS, UNITS, label_of, read_unit
from mtpipe.verify.values.exact import TooLarge, Undefined, exact
from mtpipe.verify.values.formula import Formula, negative, number, symbols, variants
from mtpipe.verify.values.kinds import Colon, Digits, Expression, Number, Quantity, Unit, Value
from mtpipe.verify.values.kinds import Sequence as Members

_CURRENCIES = ("$", "€", "£", "¥")
_BEHIND_MONEY = {"k": 1000, "K": 1000, "M": 10**6, "B": 10**9}
_HALVES = {"am": "am", "pm": "pm", "a.m": "am", "p.m": "pm"}


def scalar(items: Sequence[Item], manner: Manner) -> Value:
    """A value that is no list, set, relation or matrix. Raises Unreadable."""
    items = tuple(items)
    for find in (_digits_in_base, _colon, _money, _with_unit):
        if (found := find(items, manner)) is not None:
            return found
    return classified(read_formula(items, manner))


def classified(formula: Formula) -> Value:
    r"""The formula as a number if it is one, as a quantity if it ends in degrees, as a list if it has a ±."""
    several = variants(formula)
    if len(several) > 1:
        return Members("list", tuple(classified(one) for one in several))
    if (angle := _angle(formula)) is not None:
        turned = _quantity(classified(angle), Unit(*UNITS["°"]))
        if turned is None:
            raise Unreadable("degrees of degrees")
        return turned
    try:
        value = exact(formula)
    except TooLarge:
        value = None
    except Undefined as reason:
        raise Unreadable(str(reason)) from None
    if value is None or value.imaginary:
        return Expression(formula)
    return Number(value.real, _step(formula), worked_out=not _is_numeral(formula))


def _is_numeral(formula: Formula) -> bool:
    """A number, a fraction of two, or a power of ten times one, each with its sign."""
    if formula.op == "*" and len(formula.args) == 2 and formula.args[1].op == "^":
        return formula.args[1].args[0] == number(10)
    if formula.op == "*" and len(formula.args) == 2 and formula.args[0] == number(-1):
        return _is_numeral(formula.args[1])
    return formula.op == "number" or (formula.op == "/" and all(part.op == "number" for part in formula.args))


def _angle(formula: Formula) -> Formula | None:
    """What stands before the degree sign of a whole formula."""
    if formula.op == "degrees":
        return formula.args[0]
    if formula.op == "*" and len(formula.args) == 2 and formula.args[0] == number(-1):
        inside = _angle(formula.args[1])
        return None if inside is None else negative(inside)
    return None


def _step(formula: Formula) -> Fraction | None:
    """One in the last place of a decimal, also of a scientific one."""
    if formula.op == "number":
        return None if formula.places is None else Fraction(1, 10**formula.places)
    if formula.op == "*" and len(formula.args) == 2:
        first, second = formula.args
        if first == number(-1):
            return _step(second)
        if first.op == "number" and first.places is not None and second.op == "^" and second.args[0] == number(10):
            scale = exact(second)
            return None if scale is None else scale.real / 10**first.places
    return None


def _quantity(amount: Value, unit: Unit) -> Value | None:
    if isinstance(amount, Number | Expression):
        return Quantity(amount, unit)
    if isinstance(amount, Members):
        parts = [_quantity(member, unit) for member in amount.members]
        return Members(amount.kind, tuple(part for part in parts if part is not None))
    return None


def _money(items: Sequence[Item], manner: Manner) -> Value | None:
    """A currency sign before the amount."""
    at = 1 if items and is_sign(items[0], "-", "+") else 0
    if len(items) < at + 2 or not is_sign(items[at], *_CURRENCIES):
        return None
    sign, last = items[at], items[-1]
    times = _BEHIND_MONEY.get(last.text) if isinstance(last, Token) and last.kind in ("letters", "word") else None
    amount = scalar((*items[:at], *items[at + 1 : -1 if times else None]), manner)
    if times and isinstance(amount, Number):
        amount = Number(amount.value * times, amount.step and amount.step * times)
    unit = Unit(*UNITS[sign.text])  # type: ignore[union-attr]
    if isinstance(amount, Quantity) and amount.unit == unit:
        return amount  # $5 dollars
    return _quantity(amount, unit)


def _with_unit(items: Sequence[Item], manner: Manner) -> Value | None:
    """An amount, perhaps with words such as million behind it, and a unit or label behind that."""
    place = _where_units_start(items, manner)
    if place is None:
        return None
    amount = classified(read_formula(items[:place], manner)) if place else None
    rest = list(items[place:])
    if amount is None or isinstance(amount, Members):
        amount, rest = _amount_in_words(amount, rest)
    while rest and isinstance(amount, Number) and isinstance(rest[0], Token):
        word = rest[0].text.lower()
        if word in MULTIPLES:
            amount = Number(amount.value * MULTIPLES[word], amount.step and amount.step * MULTIPLES[word])
        elif word in POWERS:
            amount = Number(amount.value ** POWERS[word])
        else:
            break
        rest.pop(0)
    if amount is None:
        return None
    if not rest:
        return amount
    if isinstance(rest[0], Token) and rest[0].text.lower() in POWERS and isinstance(amount, Expression):
        power = number(POWERS[rest[0].text.lower()])
        return Expression(Formula("^", (amount.formula, power))) if len(rest) == 1 else None
    plain = isinstance(rest[0], Token) and rest[0].kind == "letters"
    if plain and isinstance(amount, Expression) and symbols(amount.formula):
        return None
    if isinstance(rest[0], Token) and rest[0].text == "of":
        return None
    unit = read_unit(rest) or label_of(rest)
    return None if unit is None else _quantity(amount, unit)


def _amount_in_words(amount: Value | None, rest: list[Item]) -> tuple[Value | None, list[Item]]:
    """`five dollars`: the longest number in words in front."""
    if amount is not None:
        return amount, rest
    for end in range(min(len(rest), 8), 0, -1):
        words = [item.text for item in rest[:end] if isinstance(item, Token) and item.kind in ("word", "letters")]
        if len(words) == end and (value := number_in_words(words)) is not None:
            return Number(value), rest[end:]
    return None, rest


def _where_units_start(items: Sequence[Item], manner: Manner) -> int | None:
    """The first item that may begin a unit: a word, a unit's sign, or plain letters that are no symbols."""
    for place, item in enumerate(items):
        if isinstance(item, Group):
            continue
        behind = tuple(items[place:])
        if item.kind == "word" and len(item.text) > 1 and not is_sign(items[place - 1] if place else None, "_"):
            return place
        if item.kind == "word" and place and read_unit(behind) is not None:
            return place
        if place and is_sign(item, "%", *_CURRENCIES) and (len(behind) == 1 or _all_words(behind[1:])):
            return place
        if place and is_sign(item, r"\Omega", r"\mu", r"\frac", r"\circ", "^", "°") and _is_marked_unit(behind, manner):
            return place
        if not place and item.kind == "letters" and number_in_words([item.text]) is not None:
            return place
        if place and item.kind == "letters" and _is_plain_unit(items, place, manner):
            return place
    return None


def _all_words(items: Sequence[Item]) -> bool:
    return all(isinstance(item, Token) and item.kind in ("word", "letters") for item in items)


def _is_marked_unit(items: Sequence[Item], manner: Manner) -> bool:
    r"""\frac{\text{m}}{\text{s}^2}, \mu\text{m}, ^\circ\text{C}, or \Omega where the gold has no such letter."""
    if is_sign(items[0], r"\Omega"):
        return len(items) == 1 and r"\Omega" not in manner.letters and manner.units
    if is_sign(items[0], "^", "°"):
        last = items[-1]
        return isinstance(last, Token) and last.text in ("C", "F", "Celsius") and read_unit(items) is not None
    return _has_words(items) and read_unit(items) is not None


def _has_words(items: Sequence[Item]) -> bool:
    return any(
        _has_words(item.items) if isinstance(item, Group) else item.kind == "word" for item in items
    )  # fmt: skip


def _is_plain_unit(items: Sequence[Item], place: int, manner: Manner) -> bool:
    """Whether plain letters are a unit, a label or a number word: after a number or formula without letters."""
    item = items[place]
    assert isinstance(item, Token)
    if item.text in manner.letters or set(item.text) <= manner.letters:
        return False
    word = item.text.lower()
    if word in MULTIPLES or word in POWERS:
        return True
    behind = tuple(items[place:])
    unit = read_unit(behind)
    if unit is not None:
        if len(item.text) > 1:
            return manner.units or len(item.text) > 2
        return manner.units and item.spaced and item.text in LETTERS
    return item.spaced and len(item.text) > 3 and label_of(behind) is not None


def _digits_in_base(items: Sequence[Item], manner: Manner) -> Value | None:
    r"""1203_5, (1203)_5, \text{A5}_{11}, 1203_{\text{five}}, 1203 \text{ base } 5."""
    sign = ""
    if items and is_sign(items[0], "-"):
        sign, items = "-", items[1:]
    base: str | None = None
    if len(items) >= 3 and is_sign(items[-2], "_"):
        base, items = flat(items[-1:]).strip(), items[:-2]
    elif len(items) >= 3:
        words = [item.text if isinstance(item, Token) else "" for item in items[-3:]]
        if words[1] == "base":
            base, items = words[2], items[: -3 if words[0] == "in" else -2]
    if base is None:
        return None
    size = BASES.get(base.lower()) or (int(base) if re.fullmatch(r"\d{1,2}", base, re.A) else 0)
    if len(items) == 1 and isinstance(items[0], Group) and items[0].opening in ("(", "{"):
        items = items[0].items
    if not all(isinstance(item, Token) and item.kind in ("number", "letters", "word") for item in items):
        return None
    digits = "".join(item.text for item in items if isinstance(item, Token)).upper()
    if not 2 <= size <= 36 or not re.fullmatch(r"[0-9A-Z]+", digits, re.A):
        return None
    if not digits[0].isdigit() and (len(digits) < 2 or size < 11):
        return None
    if any(int(digit, 36) >= size for digit in digits):
        raise Unreadable(f"digits that base {size} does not have")
    return Digits(sign + (digits.lstrip("0") or "0"), size)


def _colon(items: Sequence[Item], manner: Manner) -> Value | None:
    """3:2, 8:34 p.m., and `4 to 9`."""
    half = ""
    for taken in (2, 1, 4, 3):
        text = flat(items[-taken:]).lower().rstrip(".") if len(items) > taken else ""
        if text in _HALVES:
            half, items = _HALVES[text], items[:-taken]
            break
    parts = split(items, ":")
    if len(parts) == 1 and not half:
        at = [place for place, item in enumerate(items) if isinstance(item, Token) and item.text == "to"]
        if at and all(isinstance(items[place], Token) and 0 < place < len(items) - 1 for place in at):
            bounds = [-1, *at, len(items)]
            parts = [tuple(items[a + 1 : b]) for a, b in pairwise(bounds)]
    if len(parts) == 1 and not half:
        return None
    texts = [flat(part) for part in parts]
    clock = re.fullmatch(r"(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d)?", ":".join(texts), re.A) is not None
    return Colon(tuple(scalar(part, manner) for part in parts), half, clock)
