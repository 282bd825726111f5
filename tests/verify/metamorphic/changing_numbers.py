"""Another number, or another formula: signs, digits, factors, exponents, functions, letters."""

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
    terms_of,
    words_in,
)  # fmt: skip
from .parts import is_formula as is_any_formula
from .rewriting import TABLE
from .value import same, value


def _differs(text: str, written: str | None) -> str | None:
    """The new text, if the tests' own parser finds it to be another formula."""
    return written if written is not None and same(text, written) is False else None


def is_formula(text: str) -> bool:
    """A formula without a free constant: a C of one's own may hide a changed term or sign."""
    return is_any_formula(text) and not any(str(letter)[0] in "Cc" for letter in value(text).free_symbols)


def _plain(text: str) -> bool:
    return bool(re.fullmatch(r"-?(\d+|\d*\.\d+)", text))


def _is_value(text: str) -> bool:
    """A number or a single formula."""
    return number(text) is not None or is_formula(text)


@TABLE.changes
def sign_of_a_number(text: str) -> str | None:
    return _differs(text, text.removeprefix("-") if text.startswith("-") else f"-{text}") if number(text) else None


@TABLE.changes
def sign_of_a_formula(text: str) -> str | None:
    return _differs(text, f"-({text})") if is_formula(text) else None


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
    return _differs(text, text[:-1]) if re.fullmatch(r"-?\d*\.?\d+\d", text) and text[-2] != "." else None


@TABLE.changes
def two_digits_swapped(text: str) -> str | None:
    if not _plain(text):
        return None
    found = re.search(r"(\d)(?!\1)(\d)", text)
    return text[: found.start()] + found[2] + found[1] + text[found.end() :] if found else None


@TABLE.changes
def decimal_point_left_out(text: str) -> str | None:
    return _differs(text, text.replace(".", "")) if re.fullmatch(r"-?\d*\.\d+", text) else None


@TABLE.changes
def decimal_point_moved(text: str) -> str | None:
    found = re.fullmatch(r"(-?\d*)\.(\d)(\d*)", text)
    return _differs(text, f"{found[1]}{found[2]}.{found[3] or 0}") if found else None


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
def hedged_with_or(text: str) -> str | None:
    return rf"{text} \text{{ or }} {int(text) + 3}" if INTEGER.fullmatch(text) else None


@TABLE.changes
def hedged_with_a_comma(text: str) -> str | None:
    return f"{text}, {int(text) + 3}" if INTEGER.fullmatch(text) else None


@TABLE.changes
def hedged_the_other_way_round(text: str) -> str | None:
    return rf"{int(text) + 3} \text{{ or }} {text}" if INTEGER.fullmatch(text) else None


@TABLE.changes
def unfinished_product(text: str) -> str | None:
    return f"2x={2 * int(text)}" if INTEGER.fullmatch(text) else None


@TABLE.changes
def unfinished_product_with_the_gold(text: str) -> str | None:
    return f"2x={text}" if number(text) else None


@TABLE.changes
def unfinished_sum(text: str) -> str | None:
    return f"x+1={text}" if number(text) is not None else None


@TABLE.changes
def unfinished_square(text: str) -> str | None:
    return f"x^2={text}" if number(text) not in (None, 0, 1) else None


@TABLE.changes
def bound_for_a_number(text: str) -> str | None:
    return rf"x \ge {text}" if number(text) is not None else None


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
    return _differs(text, rf"{found[1]}\frac{{{found[2]}{int(found[3]) + 1}}}{{{found[4]}}}") if found else None


@TABLE.changes
def denominator_changed(text: str) -> str | None:
    found = FRACTION.fullmatch(text)
    return _differs(text, rf"{found[1]}\frac{{{found[2]}{found[3]}}}{{{int(found[4]) + 1}}}") if found else None


@TABLE.changes
def numerator_alone(text: str) -> str | None:
    found = FRACTION.fullmatch(text)
    return _differs(text, found[1] + found[3]) if found else None


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
def conjugate(text: str) -> str | None:
    found = re.fullmatch(r"([^,]*)([+-])([^-+,]*i[^-+,]*)", text)
    if not found or not is_formula(text):
        return None
    return _differs(text, f"{found[1]}{'-' if found[2] == '+' else '+'}{found[3]}")


@TABLE.changes
def i_left_out(text: str) -> str | None:
    return (
        _differs(text, re.sub(r"(?<=\d) ?i(?![A-Za-z])", "", text)) if is_formula(text) and not words_in(text) else None
    )


@TABLE.changes
def formula_doubled(text: str) -> str | None:
    return _differs(text, f"2({text})") if is_formula(text) else None


@TABLE.changes
def formula_plus_one(text: str) -> str | None:
    return _differs(text, f"{text}+1") if is_formula(text) else None


@TABLE.changes
def formula_upside_down(text: str) -> str | None:
    found = re.fullmatch(r"\\frac\{([^{}]+)\}\{([^{}]+)\}", text)
    return _differs(text, rf"\frac{{{found[2]}}}{{{found[1]}}}") if found and is_formula(text) else None


@TABLE.changes
def square_root_left_out(text: str) -> str | None:
    return _differs(text, re.sub(r"\\sqrt\{([^{}]+)\}", r"\1", text, count=1)) if is_formula(text) else None


@TABLE.changes
def root_with_index_three(text: str) -> str | None:
    return _differs(text, text.replace(r"\sqrt{", r"\sqrt[3]{", 1)) if is_formula(text) else None


@TABLE.changes
def radicand_changed(text: str) -> str | None:
    return (
        _differs(text, re.sub(r"\\sqrt\{(\d+)\}", lambda m: rf"\sqrt{{{int(m[1]) + 1}}}", text, count=1))
        if is_formula(text)
        else None
    )


@TABLE.changes
def pi_left_out(text: str) -> str | None:
    return _differs(text, re.sub(r"(?<=\d) ?\\pi(?![A-Za-z])", "", text, count=1)) if is_formula(text) else None


@TABLE.changes
def coefficient_changed(text: str) -> str | None:
    """The first whole number of a formula, if it is no exponent and no index."""
    if not is_formula(text):
        return None
    found = re.search(r"(?<![\d^_{.])\d+(?![\d.])|(?<=\\frac\{)\d+", text)
    return _differs(text, text[: found.start()] + str(int(found[0]) + 1) + text[found.end() :]) if found else None


@TABLE.changes
def exponent_changed(text: str) -> str | None:
    if not is_formula(text) or SCIENTIFIC.fullmatch(text):
        return None
    return _differs(text, re.sub(r"\^\{?(\d+)\}?", lambda m: f"^{{{int(m[1]) + 1}}}", text, count=1))


@TABLE.changes
def factor_two_to_the_power(text: str) -> str | None:
    """2^n for 2^{n+1}: factors that no absolute tolerance sees in small numbers."""
    found = re.search(r"(?<![\d.])2\^\{([^{}]+)\}", text)
    return _differs(text, text.replace(found[0], rf"2^{{{found[1]}-1}}", 1)) if found and is_formula(text) else None


@TABLE.changes
def sign_inside_a_formula(text: str) -> str | None:
    terms = terms_of(text) if is_formula(text) else None
    if not terms:
        return None
    last = ("-" if terms[-1][0] == "+" else "+") + terms[-1][1:]
    return _differs(text, "".join([*terms[:-1], last]).removeprefix("+"))


@TABLE.changes
def term_dropped(text: str) -> str | None:
    terms = terms_of(text) if is_formula(text) else None
    return _differs(text, "".join(terms[:-1]).removeprefix("+")) if terms else None


FUNCTIONS = {r"\sin": r"\cos", r"\cos": r"\sin", r"\tan": r"\cot", r"\ln": r"\log_2", r"\arctan": r"\arcsin"}


@TABLE.changes
def another_function(text: str) -> str | None:
    found = re.search(r"\\(sin|cos|tan|ln|arctan)(?![A-Za-z])", text)
    return _differs(text, text.replace(found[0], FUNCTIONS[found[0]], 1)) if found and is_formula(text) else None


@TABLE.changes
def another_letter(text: str) -> str | None:
    """One letter of a formula renamed throughout; of `f(x)=…` it would be the same function."""
    if not is_formula(text) or "_" in text:
        return None
    letters = sorted(str(symbol) for symbol in value(text).free_symbols if re.fullmatch(r"[a-zA-Z]", str(symbol)))
    if not letters:
        return None
    return _differs(text, re.sub(rf"(?<![\\A-Za-z]){letters[0]}(?![A-Za-z])", "q", text))


@TABLE.changes
def letters_swapped(text: str) -> str | None:
    """Two letters of a formula in each other's places."""
    if not is_formula(text) or "_" in text or "\\" in text:
        return None
    letters = sorted(str(symbol) for symbol in value(text).free_symbols)
    return (
        _differs(text, text.translate(str.maketrans("".join(letters), "".join(reversed(letters)))))
        if len(letters) == 2
        else None
    )


@TABLE.changes
def degrees_as_radians(text: str) -> str | None:
    return text.replace(r"^\circ", r" \text{ radians}") if re.fullmatch(r"\d+\^\\circ", text) else None


@TABLE.changes
def a_far_number(text: str) -> str | None:
    return "-4711" if _is_value(text) and same(text, "-4711") is False else None


@TABLE.changes
def no_number_at_all(text: str) -> str | None:
    return r"\text{none}" if number(text) is not None else None


@TABLE.changes
def infinity_for_a_number(text: str) -> str | None:
    return r"\infty" if number(text) is not None else None
