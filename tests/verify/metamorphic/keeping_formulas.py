"""The same formula, written otherwise: roots, products, sums, polynomials, logarithms, complex numbers."""

import re
from fractions import Fraction

import sympy

from .parts import (
    FRACTION,
    INTEGER,
    MIXED,
    is_formula,
    number,
    terms_of,
    words_in,
)  # fmt: skip
from .rewriting import TABLE
from .value import alike, value

FACTOR = r"(?=\\sqrt|\\pi|\\frac|[a-df-hj-zA-Z(])"
SURD = re.compile(r"(-?)(\d*) ?\\sqrt\{(\d+)\}")
SURD_FRACTION = re.compile(r"(-?)\\frac\{(\d*) ?\\sqrt\{(\d+)\}\}\{(\d+)\}")
PI_FRACTION = re.compile(r"(-?)\\frac\{(\d*) ?\\pi\}\{(\d+)\}")


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
    return alike(text, re.sub(r"\\sqrt\{([^{}]+)\}", r"(\1)^{\\frac{1}{2}}", text)) if r"\sqrt{" in text else None


@TABLE.keeps
def root_as_a_slashed_power(text: str) -> str | None:
    found = SURD.fullmatch(text)
    if not found:
        return None
    factor = rf"{found[2]} \cdot " if found[2] else ""
    return f"{found[1]}{factor}{found[3]}^{{1/2}}"


@TABLE.keeps
def root_without_braces(text: str) -> str | None:
    return alike(text, re.sub(r"\\sqrt\{(\d)\}", r"\\sqrt\1", text))


@TABLE.keeps
def root_with_index_two(text: str) -> str | None:
    return alike(text, text.replace(r"\sqrt{", r"\sqrt[2]{"))


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
    return alike(text, rf"{found[1]}\frac{{{top}}}{{{found[4]}\sqrt{{{found[3]}}}}}")


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
    return alike(text, re.sub(r"(?<=\d) ?" + FACTOR, r" \\cdot ", text)) if is_formula(text) else None


@TABLE.keeps
def product_with_crosses(text: str) -> str | None:
    return alike(text, re.sub(r"(?<=\d) ?" + FACTOR, r" \\times ", text)) if is_formula(text) else None


@TABLE.keeps
def product_with_stars(text: str) -> str | None:
    return alike(text, re.sub(r"(?<=\d) ?" + FACTOR, "*", text)) if is_formula(text) else None


@TABLE.keeps
def sum_backwards(text: str) -> str | None:
    terms = terms_of(text) if is_formula(text) else None
    return alike(text, "".join(reversed(terms)).removeprefix("+")) if terms else None


@TABLE.keeps
def factors_of_brackets_swapped(text: str) -> str | None:
    found = re.fullmatch(r"(\([^()]+\))(\([^()]+\))", text)
    return alike(text, found[2] + found[1]) if found else None


@TABLE.keeps
def one_over_a_power(text: str) -> str | None:
    """`\\frac{1}{a}` as `a^{-1}`."""
    found = re.fullmatch(r"\\frac\{1\}\{([^{}]+)\}", text)
    return alike(text, rf"({found[1]})^{{-1}}") if found else None


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
    return alike(text, sympy.latex(sympy.expand(found))) if found is not None and "(" in text else None


@TABLE.keeps
def factored(text: str) -> str | None:
    found = _polynomial(text)
    if found is None or "(" in text:
        return None
    written = sympy.latex(sympy.factor(found)).replace(r"\left", "").replace(r"\right", "")
    return alike(text, written) if "(" in written else None


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
    return alike(text, rf"{common}({int(found[1]) // common}{found[2]}{'' if inner == 1 else inner}{found[4]})")


@TABLE.keeps
def natural_logarithm_with_its_base(text: str) -> str | None:
    return re.sub(r"\\ln(?![A-Za-z])", r"\\log_e", text) if r"\ln" in text and not words_in(text) else None


@TABLE.keeps
def logarithm_as_a_quotient(text: str) -> str | None:
    found = re.fullmatch(r"\\log_\{?(\d+)\}? ?\{?(\d+)\}?", text)
    return rf"\frac{{\ln {found[2]}}}{{\ln {found[1]}}}" if found else None


def _powers_of_e(text: str, by: str) -> str | None:
    """With other powers of e; beside ħ the letter is the elementary charge."""
    written = re.sub(r"(?<![\\A-Za-z_])e\^\{([^{}]+)\}", by, text)
    return written if written != text and value(text) is not None and r"\hbar" not in text else None


@TABLE.keeps
def roman_e(text: str) -> str | None:
    return _powers_of_e(text, r"\\mathrm{e}^{\1}")


@TABLE.keeps
def exp_function(text: str) -> str | None:
    return _powers_of_e(text, r"\\exp(\1)")


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
