"""Another number: signs, digits, factors, and what is no number at all."""

import re
from fractions import Fraction

from .parts import (
    DIGITS_IN_BASE,
    FRACTION,
    INTEGER,
    PERCENT,
    SCIENTIFIC,
    is_fraction,
    number,
)  # fmt: skip
from .rewriting import TABLE
from .value import unlike


def _plain(text: str) -> bool:
    return bool(re.fullmatch(r"-?(\d+|\d*\.\d+)", text))


@TABLE.changes
def sign_of_a_number(text: str) -> str | None:
    return unlike(text, text.removeprefix("-") if text.startswith("-") else f"-{text}") if number(text) else None


@TABLE.changes
def plus_minus_before_a_value(text: str) -> str | None:
    return rf"\pm {text}" if number(text) and not text.startswith("-") else None


@TABLE.changes
def one_more(text: str) -> str | None:
    return str(int(text) + 1) if INTEGER.fullmatch(text) else None


@TABLE.changes
def one_less(text: str) -> str | None:
    return str(int(text) - 1) if INTEGER.fullmatch(text) else None


@TABLE.changes
def first_digit_changed(text: str) -> str | None:
    if not _plain(text):
        return None
    found = re.search(r"[1-9]", text)
    return text[: found.start()] + str(int(found[0]) % 9 + 1) + text[found.end() :] if found else None


@TABLE.changes
def last_digit_changed(text: str) -> str | None:
    return text[:-1] + str((int(text[-1]) + 3) % 10) if _plain(text) else None


@TABLE.changes
def digit_added(text: str) -> str | None:
    """Behind a decimal a 7: it does not round to the gold."""
    return f"{text}7" if _plain(text) else None


@TABLE.changes
def digit_dropped(text: str) -> str | None:
    return unlike(text, text[:-1]) if re.fullmatch(r"-?\d*\.?\d+\d", text) and text[-2] != "." else None


@TABLE.changes
def two_digits_swapped(text: str) -> str | None:
    if not _plain(text):
        return None
    found = re.search(r"(\d)(?!\1)(\d)", text)
    return text[: found.start()] + found[2] + found[1] + text[found.end() :] if found else None


@TABLE.changes
def decimal_point_left_out(text: str) -> str | None:
    return unlike(text, text.replace(".", "")) if re.fullmatch(r"-?\d*\.\d+", text) else None


@TABLE.changes
def decimal_point_moved(text: str) -> str | None:
    found = re.fullmatch(r"(-?\d*)\.(\d)(\d*)", text)
    return unlike(text, f"{found[1]}{found[2]}.{found[3] or 0}") if found else None


@TABLE.changes
def decimal_point_put_in(text: str) -> str | None:
    return f"{text[:-1]}.{text[-1]}" if re.fullmatch(r"-?[1-9]\d+", text) else None


@TABLE.changes
def half_added(text: str) -> str | None:
    return f"{text}.5" if INTEGER.fullmatch(text) else None


@TABLE.changes
def a_little_added(text: str) -> str | None:
    return f"{text}.0001" if INTEGER.fullmatch(text) else None


@TABLE.changes
def zeros_dropped(text: str) -> str | None:
    return re.sub(r"0{3}$", "", text) if re.fullmatch(r"-?[1-9]\d*0{3}", text) else None


@TABLE.changes
def times_a_million(text: str) -> str | None:
    return rf"{text} \text{{ million}}" if INTEGER.fullmatch(text) and int(text) else None


@TABLE.changes
def dozens(text: str) -> str | None:
    return f"{text} dozen" if INTEGER.fullmatch(text) and int(text) else None


@TABLE.changes
def squared_in_a_word(text: str) -> str | None:
    return f"{text} squared" if INTEGER.fullmatch(text) and int(text) not in (0, 1) else None


@TABLE.changes
def letter_behind_a_number(text: str) -> str | None:
    return f"{text}x" if number(text) else None


@TABLE.changes
def pi_behind_a_number(text: str) -> str | None:
    return rf"{text}\pi" if number(text) else None


@TABLE.changes
def i_behind_a_number(text: str) -> str | None:
    return f"{text}i" if number(text) else None


@TABLE.changes
def roman_i_behind_a_number(text: str) -> str | None:
    return rf"{text}\mathrm{{i}}" if number(text) else None


@TABLE.changes
def factorial_of_a_number(text: str) -> str | None:
    return f"{text}!" if re.fullmatch(r"\d+", text) and int(text) not in (1, 2) else None


@TABLE.changes
def square_of_a_number(text: str) -> str | None:
    return f"{text}^2" if re.fullmatch(r"\d+", text) and int(text) not in (0, 1) else None


@TABLE.changes
def root_of_a_number(text: str) -> str | None:
    return rf"\sqrt{{{text}}}" if re.fullmatch(r"\d+", text) and int(text) not in (0, 1) else None


@TABLE.changes
def root_behind_a_number(text: str) -> str | None:
    return rf"{text}\sqrt{{2}}" if INTEGER.fullmatch(text) and int(text) else None


@TABLE.changes
def malformed_root_behind_a_number(text: str) -> str | None:
    return rf"{text}\sqrt(2)" if INTEGER.fullmatch(text) and int(text) else None


@TABLE.changes
def reciprocal_of_a_number(text: str) -> str | None:
    return rf"\frac{{1}}{{{text}}}" if re.fullmatch(r"\d+", text) and int(text) not in (0, 1) else None


@TABLE.changes
def a_third_of_a_number(text: str) -> str | None:
    return rf"\frac{{{text}}}{{3}}" if re.fullmatch(r"\d+", text) and int(text) else None


@TABLE.changes
def base_behind_a_number(text: str) -> str | None:
    """Read in base three: another number, and not what was asked for where the base is ten."""
    return f"{text}_3" if re.fullmatch(r"\d*[3-9]\d*", text) else None


@TABLE.changes
def word_of_the_next_number(text: str) -> str | None:
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    return rf"\text{{{names[int(text) + 1]}}}" if re.fullmatch(r"\d", text) else None


@TABLE.changes
def fraction_upside_down(text: str) -> str | None:
    found = number(text)
    if found in (None, 0) or not is_fraction(text) or abs(found) == 1:
        return None
    return rf"{'-' if found < 0 else ''}\frac{{{found.denominator}}}{{{abs(found.numerator)}}}"


@TABLE.changes
def numerator_changed(text: str) -> str | None:
    found = FRACTION.fullmatch(text)
    return unlike(text, rf"{found[1]}\frac{{{found[2]}{int(found[3]) + 1}}}{{{found[4]}}}") if found else None


@TABLE.changes
def denominator_changed(text: str) -> str | None:
    found = FRACTION.fullmatch(text)
    return unlike(text, rf"{found[1]}\frac{{{found[2]}{found[3]}}}{{{int(found[4]) + 1}}}") if found else None


@TABLE.changes
def numerator_alone(text: str) -> str | None:
    found = FRACTION.fullmatch(text)
    return unlike(text, found[1] + found[3]) if found else None


@TABLE.changes
def fraction_rounded_to_two_places(text: str) -> str | None:
    found = number(text)
    if found is None or not is_fraction(text) or 100 % found.denominator == 0:
        return None
    return f"{float(found):.2f}"


@TABLE.changes
def whole_part_joined_to_a_fraction(text: str) -> str | None:
    """1 and 2/3 for 2/3."""
    return (
        f"1{text}" if (found := FRACTION.fullmatch(text)) and not found[1] and not found[2] and number(text) else None
    )


@TABLE.changes
def exponent_of_ten_changed(text: str) -> str | None:
    found = SCIENTIFIC.fullmatch(text)
    return rf"{found[1]} \times 10^{{{int(found[2]) + 1}}}" if found else None


@TABLE.changes
def sign_of_the_exponent_of_ten(text: str) -> str | None:
    found = SCIENTIFIC.fullmatch(text)
    return rf"{found[1]} \times 10^{{{-int(found[2])}}}" if found and int(found[2]) else None


@TABLE.changes
def mantissa_changed(text: str) -> str | None:
    found = SCIENTIFIC.fullmatch(text)
    return rf"{found[1][:-1]}{(int(found[1][-1]) + 4) % 10} \times 10^{{{found[2]}}}" if found else None


@TABLE.changes
def mantissa_alone(text: str) -> str | None:
    found = SCIENTIFIC.fullmatch(text)
    return found[1] if found and int(found[2]) else None


@TABLE.changes
def percentage_changed(text: str) -> str | None:
    found = PERCENT.fullmatch(text)
    return rf"{Fraction(found[1]) + 1}\%" if found and INTEGER.fullmatch(found[1]) else None


@TABLE.changes
def percentage_ten_times(text: str) -> str | None:
    found = PERCENT.fullmatch(text)
    return rf"{int(found[1]) * 10}\%" if found and INTEGER.fullmatch(found[1]) and int(found[1]) else None


@TABLE.changes
def another_base(text: str) -> str | None:
    found = DIGITS_IN_BASE.fullmatch(text)
    return f"{found[1]}_{{{int(found[2]) + 1}}}" if found and len(found[1].strip("-")) > 1 else None


@TABLE.changes
def digit_in_a_base_changed(text: str) -> str | None:
    found = DIGITS_IN_BASE.fullmatch(text)
    return f"{found[1][:-1]}{1 if found[1][-1] == '0' else 0}_{found[2]}" if found else None


@TABLE.changes
def digits_in_a_base_backwards(text: str) -> str | None:
    found = re.fullmatch(r"([1-9A-F][0-9A-F]+)_\{?(\d+)\}?", text)
    return f"{found[1][::-1]}_{found[2]}" if found and found[1] != found[1][::-1] else None


@TABLE.changes
def minus_put_before_it_in_words(text: str) -> str | None:
    return rf"\text{{negative }}{text}" if INTEGER.fullmatch(text) and text[:1] not in "-0" else None
