r"""Numbers that are more than a row of digits: repeating decimals, number words, digits in a base."""

import re
from collections.abc import Sequence
from fractions import Fraction

from mtpipe.verify.reader.groups import Group, Item, is_sign
from mtpipe.verify.reader.tokens import Token

_SMALL = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
    """.split()  # noqa: SIM905
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_UNITS = {word: size for size, word in enumerate(_SMALL)} | {word: 10 * place for place, word in enumerate(_TENS, 2)}
MULTIPLES = {
    "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12,
    "hundreds": 100, "thousands": 1000, "millions": 10**6, "billions": 10**9, "trillions": 10**12, "dozens": 12,
}  # fmt: skip
"""Words that multiply the number before them."""
POWERS = {"squared": 2, "cubed": 3}
_PARTS = {"half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
          "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8,
          "ninth": 9, "ninths": 9, "tenth": 10, "tenths": 10}  # fmt: skip
BASES = {word: size for word, size in _UNITS.items() if 2 <= size <= 36}


def repeating(items: Sequence[Item], at: int) -> tuple[Fraction, int] | None:
    r"""The repeating decimal that begins with the number at `at`, and the place behind it: 0.1\overline{6}, 0.333…"""
    first = items[at]
    if not isinstance(first, Token):
        return None
    digits, place = first.text, at + 1
    if "." not in digits and place < len(items) and is_sign(items[place], "."):
        digits, place = digits + ".", place + 1
    if "." not in digits or place >= len(items):
        return None
    if is_sign(items[place], r"\ldots"):
        period = _period(digits.partition(".")[2])
        return None if period is None else (_value(digits, period), place + 1)
    if is_sign(items[place], r"\overline", r"\bar", r"\dot") and place + 1 < len(items):
        repeated = items[place + 1]
        inside = repeated.items if isinstance(repeated, Group) and repeated.opening == "{" else (repeated,)
        if len(inside) == 1 and isinstance(inside[0], Token) and inside[0].text.isdigit():
            return _value(digits, inside[0].text), place + 2
    return None


def _period(decimals: str) -> str | None:
    """The digits that a decimal with dots behind it has begun to repeat."""
    for length in range(1, len(decimals) // 2 + 1):
        period = decimals[-length:]
        if decimals.endswith(period * (3 if length == 1 else 2)) or decimals == period * 2:
            return period
    return None


def _value(digits: str, period: str) -> Fraction:
    whole, _, decimals = digits.partition(".")
    head = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
    return head + Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(decimals))


def number_in_words(words: Sequence[str]) -> Fraction | None:
    """`forty-two`, `three hundred and five`, `two thirds`, `a half`; None for what is no number or has digits."""
    parts = [part for word in words for part in re.split("-", word.lower()) if part != "and"]
    if parts[:1] in (["a"], ["an"]) and len(parts) > 1:
        parts[0] = "one"
    if not parts:
        return None
    if parts[-1] in _PARTS and (parts[:-1] or parts[-1] in ("half", "quarter")):
        above = number_in_words(parts[:-1]) if parts[:-1] else Fraction(1)
        return None if above is None else above / _PARTS[parts[-1]]
    if parts[0] in MULTIPLES and len(parts) == 1:
        return Fraction(MULTIPLES[parts[0]])
    total = current = 0
    before = 10**16
    for part in parts:
        if part in _UNITS:
            size = _UNITS[part]
            if current % 100 and not (size < 10 and current % 10 == 0 and current % 100 >= 20):
                return None
            current += size
        elif part in ("hundred", "hundreds", "dozen", "dozens") and 0 < current < 100:
            current *= MULTIPLES[part]
        elif part in MULTIPLES and current and MULTIPLES[part] < before:
            before = MULTIPLES[part]
            total, current = total + current * before, 0
        else:
            return None
    return Fraction(total + current)
