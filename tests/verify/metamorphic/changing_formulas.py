"""Another formula: signs, factors, exponents, functions, letters."""

import re

from .parts import (
    SCIENTIFIC,
    is_fixed,
    terms_of,
    words_in,
)  # fmt: skip
from .rewriting import TABLE
from .value import unlike, value


@TABLE.changes
def sign_of_a_formula(text: str) -> str | None:
    return unlike(text, f"-({text})") if is_fixed(text) else None


@TABLE.changes
def conjugate(text: str) -> str | None:
    found = re.fullmatch(r"([^,]*)([+-])([^-+,]*i[^-+,]*)", text)
    if not found or not is_fixed(text):
        return None
    return unlike(text, f"{found[1]}{'-' if found[2] == '+' else '+'}{found[3]}")


@TABLE.changes
def i_left_out(text: str) -> str | None:
    return unlike(text, re.sub(r"(?<=\d) ?i(?![A-Za-z])", "", text)) if is_fixed(text) and not words_in(text) else None


@TABLE.changes
def formula_doubled(text: str) -> str | None:
    return unlike(text, f"2({text})") if is_fixed(text) else None


@TABLE.changes
def formula_plus_one(text: str) -> str | None:
    return unlike(text, f"{text}+1") if is_fixed(text) else None


@TABLE.changes
def formula_upside_down(text: str) -> str | None:
    found = re.fullmatch(r"\\frac\{([^{}]+)\}\{([^{}]+)\}", text)
    return unlike(text, rf"\frac{{{found[2]}}}{{{found[1]}}}") if found and is_fixed(text) else None


@TABLE.changes
def square_root_left_out(text: str) -> str | None:
    return unlike(text, re.sub(r"\\sqrt\{([^{}]+)\}", r"\1", text, count=1)) if is_fixed(text) else None


@TABLE.changes
def root_with_index_three(text: str) -> str | None:
    return unlike(text, text.replace(r"\sqrt{", r"\sqrt[3]{", 1)) if is_fixed(text) else None


@TABLE.changes
def radicand_changed(text: str) -> str | None:
    return (
        unlike(text, re.sub(r"\\sqrt\{(\d+)\}", lambda m: rf"\sqrt{{{int(m[1]) + 1}}}", text, count=1))
        if is_fixed(text)
        else None
    )


@TABLE.changes
def pi_left_out(text: str) -> str | None:
    return unlike(text, re.sub(r"(?<=\d) ?\\pi(?![A-Za-z])", "", text, count=1)) if is_fixed(text) else None


@TABLE.changes
def coefficient_changed(text: str) -> str | None:
    """The first whole number of a formula, if it is no exponent and no index."""
    if not is_fixed(text):
        return None
    found = re.search(r"(?<![\d^_{.])\d+(?![\d.])|(?<=\\frac\{)\d+", text)
    return unlike(text, text[: found.start()] + str(int(found[0]) + 1) + text[found.end() :]) if found else None


@TABLE.changes
def exponent_changed(text: str) -> str | None:
    if not is_fixed(text) or SCIENTIFIC.fullmatch(text):
        return None
    return unlike(text, re.sub(r"\^\{?(\d+)\}?", lambda m: f"^{{{int(m[1]) + 1}}}", text, count=1))


@TABLE.changes
def factor_two_to_the_power(text: str) -> str | None:
    """2^n for 2^{n+1}: factors that no absolute tolerance sees in small numbers."""
    found = re.search(r"(?<![\d.])2\^\{([^{}]+)\}", text)
    return unlike(text, text.replace(found[0], rf"2^{{{found[1]}-1}}", 1)) if found and is_fixed(text) else None


@TABLE.changes
def sign_inside_a_formula(text: str) -> str | None:
    terms = terms_of(text) if is_fixed(text) else None
    if not terms:
        return None
    last = ("-" if terms[-1][0] == "+" else "+") + terms[-1][1:]
    return unlike(text, "".join([*terms[:-1], last]).removeprefix("+"))


@TABLE.changes
def term_dropped(text: str) -> str | None:
    terms = terms_of(text) if is_fixed(text) else None
    return unlike(text, "".join(terms[:-1]).removeprefix("+")) if terms else None


FUNCTIONS = {r"\sin": r"\cos", r"\cos": r"\sin", r"\tan": r"\cot", r"\ln": r"\log_2", r"\arctan": r"\arcsin"}


@TABLE.changes
def another_function(text: str) -> str | None:
    found = re.search(r"\\(sin|cos|tan|ln|arctan)(?![A-Za-z])", text)
    return unlike(text, text.replace(found[0], FUNCTIONS[found[0]], 1)) if found and is_fixed(text) else None


@TABLE.changes
def another_letter(text: str) -> str | None:
    """One letter of a formula renamed throughout; of `f(x)=…` it would be the same function."""
    if not is_fixed(text) or "_" in text:
        return None
    letters = sorted(str(symbol) for symbol in value(text).free_symbols if re.fullmatch(r"[a-zA-Z]", str(symbol)))
    if not letters:
        return None
    return unlike(text, re.sub(rf"(?<![\\A-Za-z]){letters[0]}(?![A-Za-z])", "q", text))


@TABLE.changes
def letters_swapped(text: str) -> str | None:
    """Two letters of a formula in each other's places."""
    if not is_fixed(text) or "_" in text or "\\" in text:
        return None
    letters = sorted(str(symbol) for symbol in value(text).free_symbols)
    return (
        unlike(text, text.translate(str.maketrans("".join(letters), "".join(reversed(letters)))))
        if len(letters) == 2
        else None
    )


@TABLE.changes
def degrees_as_radians(text: str) -> str | None:
    return text.replace(r"^\circ", r" \text{ radians}") if re.fullmatch(r"\d+\^\\circ", text) else None
