r"""One way of writing for answers that differ in nothing but typography.

`normalise` is idempotent and never raises. It rewrites notation (\dfrac, \left, thousands separators, e-notation,
degree signs, `$` and units behind a number) and evaluates nothing. Each rewriting is one linear pass over a text
that the guard keeps short.
"""

import re

_UNICODE = str.maketrans(
    {
        "−": "-", "–": "-", "×": r"\times ", "·": r"\cdot ", "÷": "/", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ",
        "∞": r"\infty ", "π": r"\pi ", "√": r"\sqrt ", "°": r"^\circ ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ",
        "±": r"\pm ", "≈": r"\approx ", "，": ",", "\u00a0": " ", "\u2009": " ", "\u202f": " ",
    }
)  # fmt: skip

_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|,\s?\\!\s?|\\,)(?=\d{3}(?!\d))", re.A)
_WHOLE_THOUSANDS = re.compile(r"([-+]?)(\d{1,3}(?:[, ]\d{3})+)(\.\d+)?", re.A)
_UNIT = re.compile(
    r"(?P<value>[\d.)}!]|\\pi|\^\\circ)\s*\\(?:text|mbox|textnormal|textrm|mathrm)\s?\{\s*(?!and\b|or\b)[A-Za-z][^{}\d]*\}"
    r"(?:\s?\^\s?\{?[23]\}?)?\s*$"
)
_WORDS = re.compile(r"(?P<value>[-+]?[\d,.]*\d)\s+(?!and\b|or\b)[A-Za-z]{2,}(?:[ ][A-Za-z]+){0,4}", re.A)
_PERCENT = re.compile(r"(?<=[\d}$)])\s*(?:\\?%|\\text\s?\{\s?\\?%\s?\}|percent(?:age)?\b|pct\b)")
_DEGREES = re.compile(
    r"\s?\^\s?(?:\\circ\b|\{\s?\\circ\s?\})|\\degrees?\b|(?<=\d)\s?(?:\\text\s?\{\s?)?degrees?\b\s?\}?"
)
_AND = re.compile(r",?\s*\\(?:text|mbox|textnormal|mathrm)\s?\{[\s,]*(?:and|or)\s*\}\s*|,?\s+(?:and|or)\s+"
                  r"|(?<=[)\d}])\s*(?:and|or)\s*(?=[(\dA-Z\\-])")  # fmt: skip
_E_NOTATION = re.compile(r"(?<![\w\\{.])([-+]?\d+\.?\d*)[eE]([-+]?)0*(\d{1,4})(?![\w.])", re.A)
_COMMANDS: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"\\(?:d|t|c)frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\(?:d|t)binom(?![A-Za-z])"), r"\\binom"),
    (re.compile(r"\\(?:left|right|bigl|bigr|Bigl|Bigr|big|Big|displaystyle|textstyle|limits)(?![A-Za-z])\.?"), ""),
    (re.compile(r"(?<!\\)\\[,;:!> ]|\\q?quad(?![A-Za-z])|~|&nbsp;"), " "),
    (re.compile(r"\\leq(?![A-Za-z])|\\leqslant(?![A-Za-z])|<="), r"\\le "),
    (re.compile(r"\\geq(?![A-Za-z])|\\geqslant(?![A-Za-z])|>="), r"\\ge "),
    (re.compile(r"\\neq(?![A-Za-z])|!="), r"\\ne "),
    (re.compile(r"\\lt(?![A-Za-z])"), "<"),
    (re.compile(r"\\gt(?![A-Za-z])"), ">"),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\\lbrace(?![A-Za-z])"), r"\\{"),
    (re.compile(r"\\rbrace(?![A-Za-z])"), r"\\}"),
    (re.compile(r"\\frac\s*([0-9])\s*([0-9])(?![0-9])", re.A), r"\\frac{\1}{\2}"),
    (re.compile(r"\\frac\s*([0-9])\s*\{", re.A), r"\\frac{\1}{"),
    (re.compile(r"\\sqrt\s*([0-9A-Za-z])(?![0-9])", re.A), r"\\sqrt{\1}"),
    (re.compile(r"(?<![\\A-Za-z])(?:np|math|numpy)\.(?=[a-z])"), ""),
    (re.compile(r"(?<![\\A-Za-z])arc(sin|cos|tan)(?=\()"), r"\\arc\1"),
    (re.compile(r"(?<![\\A-Za-z])(sin|cos|tan|log|ln|exp)(?=\()"), r"\\\1"),
    (re.compile(r"(?<![\\A-Za-z])sqrt\(([^()]*)\)"), r"\\sqrt{\1}"),
    (re.compile(r"(?<![\\A-Za-z])pi(?![A-Za-z])"), r"\\pi"),
]  # fmt: skip


_WHOLE_TEXT = re.compile(r"\\(?:text|mbox|textnormal|textrm|textbf|mathrm|mathbf)\s?\{([^{}]*)\}")
_PLAIN = re.compile(r"([-+]?)0*(\d*)(?:\.(\d*))?", re.A)
_LETTER = re.compile(r"\(([A-Za-z])\)")


def normalise(text: str) -> str:
    """The answer in one plain spelling. Idempotent; empty where nothing is left."""
    for _ in range(50):  # one pass may uncover work for the next; few answers need three
        rewritten = _once(text)
        if rewritten == text:
            break
        text = rewritten
    return text


def normalise_gold(text: str) -> str:
    """The normalised gold; raises ValueError where nothing is left of it."""
    gold = normalise(text)
    if not gold:
        raise ValueError(f"the gold {text!r} is empty")
    return gold


def _once(text: str) -> str:
    text = text.translate(_UNICODE)
    if r"\begin" not in text:
        text = re.sub(r"\\\\(?=[A-Za-z])", r"\\", text)
    text = re.sub(r"(?<!\\)\\[()\[\]$]|\$", " ", text)
    text = _THOUSANDS.sub("", text)
    for pattern, plain in _COMMANDS:
        text = pattern.sub(plain, text)
    text = _DEGREES.sub("", text)
    text = _PERCENT.sub(r"\\%", text)
    text = _AND.sub(", ", text)
    text = _UNIT.sub(r"\g<value>", text)
    text = _E_NOTATION.sub(lambda m: rf"{m[1]}\times 10^{{{m[2].replace('+', '')}{m[3]}}}", text)
    text = re.sub(r"\s+", " ", text).strip(" ,;:")
    text = re.sub(r"(?<!\\)\.$", "", text).rstrip()
    if words := _WORDS.fullmatch(text):
        text = words["value"]
    if whole := _WHOLE_TEXT.fullmatch(text):
        text = whole[1].strip()
    if letter := _LETTER.fullmatch(text):
        text = letter[1]
    if thousands := _WHOLE_THOUSANDS.fullmatch(text):
        text = thousands[1] + re.sub(r"[, ]", "", thousands[2]) + (thousands[3] or "")
    return _plain_number(text)


def _plain_number(text: str) -> str:
    """Without leading zeros, trailing decimal zeros and a plus sign: 027 and 27.0 are 27."""
    found = _PLAIN.fullmatch(text)
    if found is None or not re.search(r"\d", text, re.A):
        return text
    sign, whole, decimals = found[1].replace("+", ""), found[2] or "0", (found[3] or "").rstrip("0")
    number = f"{whole}.{decimals}" if decimals else whole
    return "0" if number == "0" else sign + number
