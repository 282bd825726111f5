"""The same number, written otherwise."""

import re
from fractions import Fraction

from .parts import (
    DIGITS_IN_BASE,
    FRACTION,
    INTEGER,
    MIXED,
    PERCENT,
    SCIENTIFIC,
    is_fraction,
    number,
)  # fmt: skip
from .rewriting import TABLE

UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def grouped(text: str, separator: str) -> str | None:
    return f"{int(text):,}".replace(",", separator) if INTEGER.fullmatch(text) and abs(int(text)) > 999 else None


def _decimal(text: str) -> str | None:
    """A fraction's finite decimal of at most six places."""
    found = number(text)
    if found is None or found.denominator == 1 or 10**6 % found.denominator:
        return None
    return f"{float(found):.6f}".rstrip("0")


@TABLE.keeps
def point_zero(text: str) -> str | None:
    return f"{text}.0" if INTEGER.fullmatch(text) else None


@TABLE.keeps
def plus_sign(text: str) -> str | None:
    found = number(text)
    return f"+{text}" if found is not None and found > 0 else None


@TABLE.keeps
def thousands_with_commas(text: str) -> str | None:
    return grouped(text, ",")


@TABLE.keeps
def thousands_with_braced_commas(text: str) -> str | None:
    return grouped(text, "{,}")


@TABLE.keeps
def thousands_with_tight_commas(text: str) -> str | None:
    return grouped(text, r",\!")


@TABLE.keeps
def thousands_with_thin_spaces(text: str) -> str | None:
    return grouped(text, r"\,")


@TABLE.keeps
def thousands_with_spaces(text: str) -> str | None:
    return grouped(text, " ")


@TABLE.keeps
def decimal_of_a_fraction(text: str) -> str | None:
    return _decimal(text) if is_fraction(text) else None


@TABLE.keeps
def decimal_without_its_zero(text: str) -> str | None:
    found = _decimal(text)
    return re.sub(r"^(-?)0\.", r"\1.", found) if found and re.match(r"-?0\.", found) else None


@TABLE.keeps
def decimal_with_a_zero_behind(text: str) -> str | None:
    return f"{text}0" if re.fullmatch(r"-?\d+\.\d+", text) else None


@TABLE.keeps
def fraction_of_a_decimal(text: str) -> str | None:
    found = number(text)
    if found is None or not re.fullmatch(r"-?\d*\.\d{1,4}", text) or found.denominator == 1:
        return None
    return rf"{'-' if found < 0 else ''}\frac{{{abs(found.numerator)}}}{{{found.denominator}}}"


@TABLE.keeps
def minus_in_the_numerator(text: str) -> str | None:
    return (
        re.sub(r"^-\\frac\{(\d+)\}", r"\\frac{-\1}", text) if is_fraction(text) and text.startswith(r"-\frac") else None
    )


@TABLE.keeps
def minus_in_the_denominator(text: str) -> str | None:
    found = FRACTION.fullmatch(text)
    return rf"\frac{{{found[3]}}}{{-{found[4]}}}" if found and found[1] and not found[2] else None


@TABLE.keeps
def mixed_number(text: str) -> str | None:
    found = number(text)
    if found is None or not is_fraction(text) or abs(found) < 1 or found.denominator == 1:
        return None
    whole, rest = divmod(abs(found), 1)
    return rf"{'-' if found < 0 else ''}{whole}\frac{{{rest.numerator}}}{{{rest.denominator}}}"


@TABLE.keeps
def mixed_number_on_a_line(text: str) -> str | None:
    found = number(text)
    if found is None or not is_fraction(text) or found < 1 or found.denominator == 1:
        return None
    whole, rest = divmod(found, 1)
    return f"{whole} {rest.numerator}/{rest.denominator}"


@TABLE.keeps
def improper_fraction(text: str) -> str | None:
    found = MIXED.fullmatch(text)
    if not found or int(found[4]) == 0:
        return None
    total = Fraction(int(found[2])) + Fraction(int(found[3]), int(found[4]))
    return rf"{found[1]}\frac{{{total.numerator}}}{{{total.denominator}}}"


@TABLE.keeps
def number_word(text: str) -> str | None:
    if not INTEGER.fullmatch(text) or not 0 <= int(text) < 100:
        return None
    size = int(text)
    if size < len(UNITS):
        return rf"\text{{{UNITS[size]}}}"
    if size < 20:
        return None
    return TENS[size // 10 - 2] + (f"-{UNITS[size % 10]}" if size % 10 else "")


@TABLE.keeps
def scientific_of_a_round_number(text: str) -> str | None:
    found = re.fullmatch(r"(-?[1-9]\d?)(0{3,})", text)
    return rf"{found[1]} \times 10^{{{len(found[2])}}}" if found else None


@TABLE.keeps
def scientific_with_a_dot(text: str) -> str | None:
    found = SCIENTIFIC.fullmatch(text)
    return rf"{found[1]}\cdot 10^{{{found[2]}}}" if found else None


@TABLE.keeps
def scientific_with_a_capital_e(text: str) -> str | None:
    found = SCIENTIFIC.fullmatch(text)
    return f"{found[1]}E{found[2]}" if found else None


@TABLE.keeps
def scientific_unicode(text: str) -> str | None:
    found = SCIENTIFIC.fullmatch(text)
    return f"{found[1]} × 10{found[2].translate(str.maketrans('0123456789-', '⁰¹²³⁴⁵⁶⁷⁸⁹⁻'))}" if found else None


@TABLE.keeps
def scientific_ten_times_the_mantissa(text: str) -> str | None:
    found = SCIENTIFIC.fullmatch(text)
    if not found:
        return None
    mantissa = f"{float(found[1]) * 10:.6f}".rstrip("0").rstrip(".")
    return rf"{mantissa} \times 10^{{{int(found[2]) - 1}}}"


@TABLE.keeps
def percent_without_backslash(text: str) -> str | None:
    found = PERCENT.fullmatch(text)
    return f"{found[1]}%" if found else None


@TABLE.keeps
def percent_in_a_word(text: str) -> str | None:
    found = PERCENT.fullmatch(text)
    return rf"{found[1]} \text{{ percent}}" if found else None


@TABLE.keeps
def percent_as_a_decimal(text: str) -> str | None:
    found = PERCENT.fullmatch(text)
    return f"{float(Fraction(found[1]) / 100):.8f}".rstrip("0").rstrip(".") if found else None


@TABLE.keeps
def percent_as_a_fraction(text: str) -> str | None:
    found = PERCENT.fullmatch(text)
    if not found:
        return None
    share = Fraction(found[1]) / 100
    return rf"\frac{{{share.numerator}}}{{{share.denominator}}}" if share > 0 and share.denominator > 1 else None


@TABLE.keeps
def base_in_braces(text: str) -> str | None:
    found = DIGITS_IN_BASE.fullmatch(text)
    return f"{found[1]}_{{{found[2]}}}" if found else None


@TABLE.keeps
def digits_in_brackets_with_base(text: str) -> str | None:
    found = DIGITS_IN_BASE.fullmatch(text)
    return f"({found[1]})_{{{found[2]}}}" if found and not found[1].startswith("-") else None


@TABLE.keeps
def base_left_out(text: str) -> str | None:
    """The question has named the base."""
    found = DIGITS_IN_BASE.fullmatch(text)
    return found[1] if found else None


@TABLE.keeps
def minus_in_words(text: str) -> str | None:
    return rf"\text{{minus }}{text[1:]}" if text[:1] == "-" and INTEGER.fullmatch(text) else None
