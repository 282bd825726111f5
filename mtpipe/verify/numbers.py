r"""Exact rationals read from an answer, without evaluating anything of unbounded size.

`math-verify` rounds to six decimals and would let 8.0000001 pass for 8; here 8, 8.0, \frac{16}{2} and 0.8\times 10^{1}
are one number, and nothing else is.
"""

import re
from fractions import Fraction

_DIGITS = 300
_EXPONENT = 400
_DECIMAL = r"(?:\d+(?:\.\d*)?|\.\d+)"
_NUMBER = re.compile(
    rf"""(?P<sign>[-+]?)\s*(?:
        (?P<mantissa>{_DECIMAL})\s*(?:\\times|\\cdot|\*)\s*10\s*\^\s*(?:\{{\s*(?P<power>[-+]?\d+)\s*\}}|(?P<digit>\d))
      | \\frac\s*\{{\s*(?P<top>[-+]?\s*{_DECIMAL})\s*\}}\s*\{{\s*(?P<bottom>[-+]?\s*{_DECIMAL})\s*\}}
      | (?P<over>{_DECIMAL})\s*/\s*(?P<under>{_DECIMAL})
      | 10\s*\^\s*(?:\{{\s*(?P<ten>[-+]?\d+)\s*\}}|(?P<tendigit>\d))
      | (?P<plain>{_DECIMAL})
    )""",
    re.VERBOSE | re.ASCII,
)
_DECIMAL_PLACES = re.compile(r"[-+]?\d*\.(\d+)", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+", re.ASCII)


def exact(text: str) -> Fraction | None:
    """The rational number that a normalised answer writes down, or None where it is anything else.

    Read are integers, decimals, a/b, \\frac{a}{b} and a\\times 10^{b}. More than 300 characters, an exponent beyond
    ±400 or a denominator of zero is no number here.
    """
    text = text.strip()
    while len(text) > 2 and (text[0], text[-1]) in (("(", ")"), ("{", "}")):
        text = text[1:-1].strip()
    found = _NUMBER.fullmatch(text) if len(text) <= _DIGITS else None
    if found is None:
        return None
    sign = -1 if found["sign"] == "-" else 1
    if found["plain"]:
        return sign * Fraction(found["plain"])
    if power := found["power"] or found["digit"] or found["ten"] or found["tendigit"]:
        return sign * Fraction(found["mantissa"] or 1) * Fraction(10) ** int(power) if _small(power) else None
    top, bottom = found["top"] or found["over"], found["bottom"] or found["under"]
    denominator = Fraction(bottom.replace(" ", ""))
    return sign * Fraction(top.replace(" ", "")) / denominator if denominator else None


def same_number(gold: str, answer: str, places: int | None = None, tolerance: Fraction | None = None) -> bool | None:
    """Whether two normalised answers write the same rational, or None where one of them writes none.

    A decimal with six places or more also equals the fraction that it is the correct rounding of, where that fraction
    has no finite decimal form (3.333333 is 10/3, 8.000001 is not 8). `places` allows rounding to so many decimals,
    `tolerance` that much of a difference. A decimal comma counts where the other side is a number and the comma cannot
    be anything else.
    """
    if _DECIMAL_COMMA.fullmatch(answer) and exact(gold) is not None:
        answer = answer.replace(",", ".")
    elif _DECIMAL_COMMA.fullmatch(gold) and exact(answer) is not None:
        gold = gold.replace(",", ".")
    left, right = exact(gold), exact(answer)
    if left is None or right is None:
        return None
    if left == right or (tolerance is not None and abs(left - right) <= tolerance):
        return True
    if places is not None and round(left, places) == round(right, places):
        return True
    return _rounds(left, answer, right) or _rounds(right, gold, left)


def _rounds(fraction: Fraction, text: str, written: Fraction) -> bool:
    decimals = _DECIMAL_PLACES.fullmatch(text)
    if decimals is None or len(decimals[1]) < 6 or _finite_decimal(fraction):
        return False
    return round(fraction, len(decimals[1])) == written


def _finite_decimal(number: Fraction) -> bool:
    rest = number.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def _small(exponent: str) -> bool:
    return len(exponent) <= 5 and abs(int(exponent)) <= _EXPONENT
