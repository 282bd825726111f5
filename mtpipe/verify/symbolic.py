"""The ladder's third rung: math-verify. Imported by the sandboxed worker alone.

latex2sympy hands every number of the text to sympy.Number, which hands it to sympify, which evaluates it as Python.
`_number` takes that place, so that nothing compiles a text any more; the sandbox would refuse it.
"""

import logging
from typing import Any

import latex2sympy2_extended.latex2sympy2
from latex2sympy2_extended import NormalizationConfig
from math_verify import LatexExtractionConfig, parse, verify
from sympy import Float, Integer

from mtpipe.verify.equivalence import Leniency

logging.getLogger("math_verify").setLevel(logging.CRITICAL)
_LATEX = [  # no ExprExtractionConfig, whose parse_expr evaluates text; no unit stripping, which makes 3t 3
    LatexExtractionConfig(
        normalization_config=NormalizationConfig(
            basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none", equations=False
        )
    )
]


def _number(text: str) -> Integer | Float:
    """An integer or a decimal of ASCII digits. Raises ValueError for any other text."""
    text = text.replace(",", "").replace(" ", "")
    if not text.isascii():
        raise ValueError("no number of ASCII digits")
    return Integer(int(text)) if text.isdigit() else Float(text)


def _parse_number(parser: Any, text: str) -> Integer | Float:
    return _number(text)


latex2sympy2_extended.latex2sympy2._Latex2Sympy.parse_number = _parse_number
latex2sympy2_extended.latex2sympy2.convert_number = _number


class Unparseable(Exception):
    """The answer is no formula to math-verify."""


def equal(gold: str, answer: str, leniency: Leniency) -> bool:
    """Whether two normalised single expressions are equal for math-verify, which rounds to six decimals.

    Its own time-outs are off: they use SIGALRM and end nothing that matters. Raises Unparseable.
    """
    parsed = parse(f"${answer}$", _LATEX, fallback_mode="no_fallback", parsing_timeout=None)
    if not parsed:
        raise Unparseable
    golds = parse(f"${gold}$", _LATEX, fallback_mode="no_fallback", parsing_timeout=None)
    places = 6 if leniency.places is None else leniency.places
    if verify(golds, parsed, float_rounding=places, allow_set_relation_comp=True, timeout_seconds=None):
        return True
    return leniency.tolerance is not None and _within(golds, parsed, float(leniency.tolerance))


def _within(golds: list[Any], answers: list[Any], tolerance: float) -> bool:
    try:
        return any(abs(float((gold - answer).evalf())) <= tolerance for gold in golds for answer in answers)
    except (TypeError, ValueError, AttributeError):
        return False
