"""Other typography of the same formula: fractions, brackets, spaces, signs, styles and what stands around the box."""

import re

from .parts import FRACTION, INTEGER, number, words_in
from .rewriting import TABLE
from .value import same

COMMAND_END = r"(?![A-Za-z])"
THOUSANDS = re.compile(r"\d,\d{3}(?!\d)")
LIST_COMMA = r"(?<=[\w}\])]),(?!\d{3}(?!\d))\s*(?=\S)"  # something on both sides, and no thousands parted


def _if_same(text: str, written: str) -> str | None:
    """The new text, where it is another one and the tests' own parser does not read it as something else."""
    return written if written != text and same(text, written) is not False else None


def _changed(text: str, written: str) -> str | None:
    return written if written != text else None


def _replaced(text: str, pattern: str, by: str) -> str | None:
    return _changed(text, re.sub(pattern, by, text))


@TABLE.keeps
def dfrac(text: str) -> str | None:
    return _replaced(text, r"\\frac", r"\\dfrac")


@TABLE.keeps
def tfrac(text: str) -> str | None:
    return _replaced(text, r"\\frac", r"\\tfrac")


@TABLE.keeps
def fraction_without_braces(text: str) -> str | None:
    return _replaced(text, r"\\frac\{(\d)\}\{(\d)\}", r"\\frac\1\2")


@TABLE.keeps
def fraction_half_without_braces(text: str) -> str | None:
    return _replaced(text, r"\\frac\{(\d)\}\{(\d+)\}", r"\\frac\1{\2}")


@TABLE.keeps
def fraction_with_spaces(text: str) -> str | None:
    return _replaced(text, r"\\frac\{([^{}]+)\}\{([^{}]+)\}", r"\\frac { \1 } { \2 }")


@TABLE.keeps
def over(text: str) -> str | None:
    """Plain TeX's own fraction."""
    return _replaced(text, r"\\frac\{([^{}]+)\}\{([^{}]+)\}", r"{\1 \\over \2}")


@TABLE.keeps
def slash(text: str) -> str | None:
    """A whole fraction of numbers on one line."""
    return _replaced(text, r"^(-?)\\frac\{(\d+)\}\{(\d+)\}$", r"\1\2/\3")


@TABLE.keeps
def slash_in_a_formula(text: str) -> str | None:
    """Fractions on one line, in brackets, where no factor follows that could be read into the denominator."""
    written = re.sub(r"\\frac\{([^{}]+)\}\{([^{}]+)\}(?=$|\s*[-+,)\]])", r"(\1)/(\2)", text)
    return None if FRACTION.fullmatch(text) or words_in(text) else _if_same(text, written)


@TABLE.keeps
def left_right(text: str) -> str | None:
    if re.search(r"\\[({\[]|\\begin|\\text", text):
        return None
    if re.search(r"\\sqrt\[", text):
        return None
    return _changed(text, re.sub(r"([)\]])", r"\\right\1", re.sub(r"([(\[])", r"\\left\1", text)))


@TABLE.keeps
def big_brackets(text: str) -> str | None:
    if re.search(r"\\[({\[]|\\begin|\\text|\\sqrt\[", text) or "(" not in text or "[" in text:
        return None
    return text.replace("(", r"\bigl(").replace(")", r"\bigr)")


@TABLE.keeps
def thin_spaces(text: str) -> str | None:
    """Behind commas and around signs."""
    return (
        None
        if words_in(text) or THOUSANDS.search(text)
        else _replaced(text, r"(?<=[\w}\])])\s*([-+=,])\s*(?=[\w\\(\[])(?!\\})", r"\\,\1\\,")
    )


@TABLE.keeps
def thick_spaces_behind_commas(text: str) -> str | None:
    return _replaced(text, LIST_COMMA, r",\\; ")


@TABLE.keeps
def negative_spaces_behind_commas(text: str) -> str | None:
    """`(1,\\!2)`; before three digits it would be the way to write thousands."""
    if text[:1] not in "([" or re.search(r",\s*\d{3}(?!\d)", text):
        return None
    return _replaced(text, r",\s*(?=\S)", r",\\!")


@TABLE.keeps
def ties_behind_commas(text: str) -> str | None:
    return _replaced(text, LIST_COMMA, ",~")


@TABLE.keeps
def quads_behind_commas(text: str) -> str | None:
    return _replaced(text, LIST_COMMA, r",\\quad ")


@TABLE.keeps
def spaces_left_out(text: str) -> str | None:
    """All spaces but those behind a command's name, between words, and between two digits."""
    if words_in(text):
        return None
    return _replaced(text, r"(?<![A-Za-z0-9]) +| +(?![A-Za-z0-9])", "")


@TABLE.keeps
def spaces_around_signs(text: str) -> str | None:
    return None if words_in(text) else _replaced(text, r"(?<=[\w})])([-+=])(?=[\w\\(])", r" \1 ")


@TABLE.keeps
def dollars_in_the_box(text: str) -> str:
    return f"${text}$"


@TABLE.keeps
def parentheses_of_latex_in_the_box(text: str) -> str:
    return rf"\({text}\)"


@TABLE.keeps
def displaystyle(text: str) -> str:
    return rf"\displaystyle {text}"


@TABLE.keeps
def full_stop(text: str) -> str:
    return f"{text}."


@TABLE.keeps
def box_in_box(text: str) -> str:
    return rf"\boxed{{{text}}}"


@TABLE.keeps
def braces_around(text: str) -> str | None:
    return f"{{{text}}}" if number(text) is not None else None


@TABLE.keeps
def boldsymbol(text: str) -> str:
    return rf"\boldsymbol{{{text}}}"


@TABLE.keeps
def mathbf_number(text: str) -> str | None:
    return rf"\mathbf{{{text}}}" if number(text) is not None else None


@TABLE.keeps
def coloured(text: str) -> str:
    return rf"\textcolor{{red}}{{{text}}}"


@TABLE.keeps
def number_in_text(text: str) -> str | None:
    return rf"\text{{{text}}}" if INTEGER.fullmatch(text) else None


@TABLE.keeps
def number_in_roman(text: str) -> str | None:
    return rf"\mathrm{{{text}}}" if INTEGER.fullmatch(text) else None


@TABLE.keeps
def number_in_bold_text(text: str) -> str | None:
    return rf"\textbf{{{text}}}" if INTEGER.fullmatch(text) else None


@TABLE.keeps
def unicode_minus(text: str) -> str | None:
    return text.replace("-", "−") if "-" in text and r"\text" not in text else None


@TABLE.keeps
def unicode_root(text: str) -> str | None:
    return _replaced(text, r"\\sqrt\{(\d+)\}", r"√\1") if "frac" not in text else None


@TABLE.keeps
def unicode_pi(text: str) -> str | None:
    return _replaced(text, r"\\pi" + COMMAND_END + r" ?", "π")


@TABLE.keeps
def unicode_times(text: str) -> str | None:
    return _replaced(text, r" ?\\times" + COMMAND_END + r" ?", "×")


@TABLE.keeps
def unicode_infinity(text: str) -> str | None:
    return _replaced(text, r"\\infty" + COMMAND_END, "∞")


@TABLE.keeps
def unicode_union(text: str) -> str | None:
    return _replaced(text, r"\\cup" + COMMAND_END, "∪")


@TABLE.keeps
def unicode_relations(text: str) -> str | None:
    return _changed(text, re.sub(r"\\ge" + COMMAND_END, "≥", re.sub(r"\\le" + COMMAND_END, "≤", text)))


@TABLE.keeps
def slanted_relations(text: str) -> str | None:
    return _replaced(text, r"\\(le|ge)" + COMMAND_END, r"\\\1qslant")


@TABLE.keeps
def unicode_powers(text: str) -> str | None:
    return _changed(text, re.sub(r"\^(\{3\}|3(?!\d))", "³", re.sub(r"\^(\{2\}|2(?!\d))", "²", text)))


@TABLE.keeps
def unicode_fraction(text: str) -> str | None:
    return {
        r"\frac{1}{2}": "½",
        r"\frac{1}{4}": "¼",
        r"\frac{3}{4}": "¾",
        r"\frac{1}{3}": "⅓",
        r"\frac{2}{3}": "⅔",
    }.get(text)


@TABLE.keeps
def braces_around_exponents(text: str) -> str | None:
    return _replaced(text, r"\^([0-9a-z])(?![0-9])", r"^{\1}")


@TABLE.keeps
def no_braces_around_exponents(text: str) -> str | None:
    return _replaced(text, r"\^\{([0-9a-z])\}(?!\d)", r"^\1")


@TABLE.keeps
def plain_text_of_a_formula(text: str) -> str | None:
    """As typed on a keyboard: `3*sqrt(2)`, `pi`, `x^2`."""
    if words_in(text) or not re.search(r"\\sqrt\{|\\pi", text):
        return None
    written = re.sub(r"\\sqrt\{([^{}]+)\}", r"sqrt(\1)", text)
    written = re.sub(r"(?<=\d) ?(?=sqrt|\\pi)", "*", written)
    written = re.sub(r"\\frac\{([^{}]+)\}\{([^{}]+)\}(?=$|\s*[-+,)\]])", r"(\1)/(\2)", written)
    written = re.sub(r"\\pi" + COMMAND_END, "pi", written).replace("  ", " ")
    if re.search(r"\\|[{}]|pi ?[\w(]|\) ?[\w(]", written.replace(r"\{", "(").replace(r"\}", ")")):
        return None
    return written


@TABLE.keeps_response
def final_answer_heading(text: str) -> str:
    return f"Some steps.\n\n**Final Answer**\n\n\\[\n\\boxed{{\n{text}\n}}\n\\]\n"


@TABLE.keeps_response
def fbox(text: str) -> str:
    return f"Hence we obtain $\\fbox{{{text}}}$"


@TABLE.keeps_response
def box_without_dollars(text: str) -> str:
    return f"Therefore the answer is \\boxed{{{text}}}. That is what was asked for."


@TABLE.keeps_response
def an_earlier_guess(text: str) -> str:
    return f"At first I thought of \\boxed{{-4711}}. Wrong; it is\n$$\\boxed{{{text}}}$$"


@TABLE.keeps_response
def finished_thinking(text: str) -> str:
    return f"<think>\nMaybe \\boxed{{-4711}}? No.\n</think>\n\nThe answer: $\\boxed{{{text}}}$"


@TABLE.keeps
def dots_spelled_otherwise(text: str) -> str | None:
    return _replaced(text, r"\\ldots", r"\\dots")
