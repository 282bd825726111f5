"""The same number, or the same formula, written otherwise."""

import re
from fractions import Fraction

import sympy

from .parts import (
    DIGITS_IN_BASE,
    FRACTION,
    INTEGER,
    MIXED,
    PERCENT,
    SCIENTIFIC,
    is_formula,
    is_fraction,
    number,
    terms_of,
    words_in,
)  # fmt: skip
from .rewriting import TABLE
from .value import same, value

UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
FACTOR = r"(?=\\sqrt|\\pi|\\frac|[a-df-hj-zA-Z(])"
SURD = re.compile(r"(-?)(\d*) ?\\sqrt\{(\d+)\}")
SURD_FRACTION = re.compile(r"(-?)\\frac\{(\d*) ?\\sqrt\{(\d+)\}\}\{(\d+)\}")
PI_FRACTION = re.compile(r"(-?)\\frac\{(\d*) ?\\pi\}\{(\d+)\}")


def _checked(text: str, written: str | None) -> str | None:
    """The new text, if the tests' own parser finds it to be the same formula."""
    return written if written is not None and written != text and same(text, written) else None


def _grouped(text: str, separator: str) -> str | None:
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
    return _grouped(text, ",")


@TABLE.keeps
def thousands_with_braced_commas(text: str) -> str | None:
    return _grouped(text, "{,}")


@TABLE.keeps
def thousands_with_tight_commas(text: str) -> str | None:
    return _grouped(text, r",\!")


@TABLE.keeps
def thousands_with_thin_spaces(text: str) -> str | None:
    return _grouped(text, r"\,")


@TABLE.keeps
def thousands_with_spaces(text: str) -> str | None:
    return _grouped(text, " ")


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
def scientific_with_e(text: str) -> str | None:
    found = SCIENTIFIC.fullmatch(text)
    return f"{found[1]}e{found[2]}" if found else None


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
def evaluated(text: str) -> str | None:
    """A formula of whole numbers that is a whole number, or a fraction, of at most 15 digits."""
    if not is_formula(text) or FRACTION.fullmatch(text) or MIXED.fullmatch(text) or re.search(r"\d\.\d|\\circ", text):
        return None
    found = value(text)
    if found is None or not found.is_Rational or max(abs(found.p), found.q) > 10**15:
        return None
    return str(found.p) if found.q == 1 else rf"{'-' if found.p < 0 else ''}\frac{{{abs(found.p)}}}{{{found.q}}}"


@TABLE.keeps
def root_as_a_power(text: str) -> str | None:
    return _checked(text, re.sub(r"\\sqrt\{([^{}]+)\}", r"(\1)^{\\frac{1}{2}}", text)) if r"\sqrt{" in text else None


@TABLE.keeps
def root_as_a_slashed_power(text: str) -> str | None:
    found = SURD.fullmatch(text)
    if not found:
        return None
    factor = rf"{found[2]} \cdot " if found[2] else ""
    return f"{found[1]}{factor}{found[3]}^{{1/2}}"


@TABLE.keeps
def root_without_braces(text: str) -> str | None:
    return _checked(text, re.sub(r"\\sqrt\{(\d)\}", r"\\sqrt\1", text))


@TABLE.keeps
def root_with_index_two(text: str) -> str | None:
    return _checked(text, text.replace(r"\sqrt{", r"\sqrt[2]{"))


@TABLE.keeps
def factor_under_the_root(text: str) -> str | None:
    found = SURD.fullmatch(text)
    return rf"{found[1]}\sqrt{{{int(found[2]) ** 2 * int(found[3])}}}" if found and found[2] else None


@TABLE.keeps
def root_in_the_denominator(text: str) -> str | None:
    """Undoes the rationalising: √3/3 is 1/√3."""
    found = SURD_FRACTION.fullmatch(text)
    if not found:
        return None
    top = int(found[2] or 1) * int(found[3])
    return _checked(text, rf"{found[1]}\frac{{{top}}}{{{found[4]}\sqrt{{{found[3]}}}}}")


@TABLE.keeps
def fraction_under_the_root(text: str) -> str | None:
    found = SURD_FRACTION.fullmatch(text)
    if not found:
        return None
    square = Fraction(int(found[2] or 1) ** 2 * int(found[3]), int(found[4]) ** 2)
    return rf"{found[1]}\sqrt{{\frac{{{square.numerator}}}{{{square.denominator}}}}}"


@TABLE.keeps
def root_behind_the_fraction(text: str) -> str | None:
    found = SURD_FRACTION.fullmatch(text)
    return rf"{found[1]}\frac{{{found[2] or 1}}}{{{found[4]}}}\sqrt{{{found[3]}}}" if found else None


@TABLE.keeps
def pi_behind_the_fraction(text: str) -> str | None:
    found = PI_FRACTION.fullmatch(text)
    return rf"{found[1]}\frac{{{found[2] or 1}}}{{{found[3]}}}\pi" if found else None


@TABLE.keeps
def factors_swapped(text: str) -> str | None:
    found = re.fullmatch(r"(\d+) ?(\\sqrt\{\d+\}|\\pi|[a-z])", text)
    return rf"{found[2]} \cdot {found[1]}" if found else None


@TABLE.keeps
def product_with_dots(text: str) -> str | None:
    return _checked(text, re.sub(r"(?<=\d) ?" + FACTOR, r" \\cdot ", text)) if is_formula(text) else None


@TABLE.keeps
def product_with_crosses(text: str) -> str | None:
    return _checked(text, re.sub(r"(?<=\d) ?" + FACTOR, r" \\times ", text)) if is_formula(text) else None


@TABLE.keeps
def product_with_stars(text: str) -> str | None:
    return _checked(text, re.sub(r"(?<=\d) ?" + FACTOR, "*", text)) if is_formula(text) else None


@TABLE.keeps
def sum_backwards(text: str) -> str | None:
    terms = terms_of(text) if is_formula(text) else None
    return _checked(text, "".join(reversed(terms)).removeprefix("+")) if terms else None


@TABLE.keeps
def factors_of_brackets_swapped(text: str) -> str | None:
    found = re.fullmatch(r"(\([^()]+\))(\([^()]+\))", text)
    return _checked(text, found[2] + found[1]) if found else None


@TABLE.keeps
def one_over_a_power(text: str) -> str | None:
    """`\\frac{1}{a}` as `a^{-1}`."""
    found = re.fullmatch(r"\\frac\{1\}\{([^{}]+)\}", text)
    return _checked(text, rf"({found[1]})^{{-1}}") if found else None


def _polynomial(text: str) -> sympy.Expr | None:
    found = value(text) if is_formula(text) and "_" not in text else None
    if found is None or len(found.free_symbols) != 1 or not found.is_polynomial(*found.free_symbols):
        return None
    return (
        found
        if all(len(str(letter)) == 1 for letter in found.free_symbols) and not re.search(r"\d\.\d", text)
        else None
    )


@TABLE.keeps
def expanded(text: str) -> str | None:
    found = _polynomial(text)
    return _checked(text, sympy.latex(sympy.expand(found))) if found is not None and "(" in text else None


@TABLE.keeps
def factored(text: str) -> str | None:
    found = _polynomial(text)
    if found is None or "(" in text:
        return None
    written = sympy.latex(sympy.factor(found)).replace(r"\left", "").replace(r"\right", "")
    return _checked(text, written) if "(" in written else None


@TABLE.keeps
def common_factor_taken_out(text: str) -> str | None:
    """`6+4\\sqrt{2}` as `2(3+2\\sqrt{2})`, for a whole common factor of two terms."""
    found = re.fullmatch(r"(\d+) ?([+-]) ?(\d+) ?(\\sqrt\{\d+\}|\\pi|[a-df-hj-z])", text)
    if not found:
        return None
    common = int(sympy.gcd(int(found[1]), int(found[3])))
    if common == 1:
        return None
    inner = int(found[3]) // common
    return _checked(text, rf"{common}({int(found[1]) // common}{found[2]}{'' if inner == 1 else inner}{found[4]})")


@TABLE.keeps
def natural_logarithm_with_its_base(text: str) -> str | None:
    return re.sub(r"\\ln(?![A-Za-z])", r"\\log_e", text) if r"\ln" in text and not words_in(text) else None


@TABLE.keeps
def logarithm_as_a_quotient(text: str) -> str | None:
    found = re.fullmatch(r"\\log_\{?(\d+)\}? ?\{?(\d+)\}?", text)
    return rf"\frac{{\ln {found[2]}}}{{\ln {found[1]}}}" if found else None


@TABLE.keeps
def roman_e(text: str) -> str | None:
    found = value(text)
    return (
        re.sub(r"(?<![\\A-Za-z_])e(?=\^)", r"\\mathrm{e}", text)
        if found is not None and re.search(r"(?<![\\A-Za-z_])e\^", text)
        else None
    )


@TABLE.keeps
def exp_function(text: str) -> str | None:
    return _checked(text, re.sub(r"(?<![\\A-Za-z_])e\^\{([^{}]+)\}", r"\\exp(\1)", text))


COMPLEX = re.compile(r"(-?\d*) ?([+-]) ?(\d*) ?i")


@TABLE.keeps
def roman_i(text: str) -> str | None:
    return text.replace("i", r"\mathrm{i}") if COMPLEX.fullmatch(text) or re.fullmatch(r"-?\d*i", text) else None


@TABLE.keeps
def imaginary_part_first(text: str) -> str | None:
    found = COMPLEX.fullmatch(text)
    return (
        f"{'-' if found[2] == '-' else ''}{found[3]}i{found[1] if found[1].startswith('-') else '+' + found[1]}"
        if found and found[1].strip("-")
        else None
    )


@TABLE.keeps
def dot_before_i(text: str) -> str | None:
    return re.sub(r"(?<=\d) ?i$", r"\\cdot i", text) if re.search(r"\d ?i$", text) and COMPLEX.fullmatch(text) else None


@TABLE.keeps
def degrees_in_braces(text: str) -> str | None:
    return text.replace(r"^\circ", r"^{\circ}") if r"^\circ" in text else None


@TABLE.keeps
def degree_sign(text: str) -> str | None:
    return text.replace(r"^\circ", "°") if r"^\circ" in text else None


@TABLE.keeps
def degrees_in_a_word(text: str) -> str | None:
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?) ?\^\\circ", text)
    return rf"{found[1]} \text{{ degrees}}" if found else None


@TABLE.keeps
def unit_behind_a_bare_number(text: str) -> str | None:
    return rf"{text}\text{{ cm}}" if number(text) is not None else None


@TABLE.keeps
def unit_in_roman_behind_a_bare_number(text: str) -> str | None:
    return rf"{text}\,\mathrm{{m}}" if number(text) is not None else None


@TABLE.keeps
def dollars_behind_a_bare_number(text: str) -> str | None:
    return f"{text} dollars" if INTEGER.fullmatch(text) else None


@TABLE.keeps
def dollar_sign_before_a_bare_number(text: str) -> str | None:
    return rf"\${text}" if INTEGER.fullmatch(text) and int(text) >= 0 else None


@TABLE.keeps
def square_unit_behind_a_formula(text: str) -> str | None:
    bare = is_formula(text) and not value(text).free_symbols and value(text).is_real and r"\circ" not in text
    return rf"{text} \text{{ cm}}^2" if bare else None
