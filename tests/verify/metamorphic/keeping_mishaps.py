"""The same formula after what programs and editors do to it on its way."""

import re

from .keeping_numbers import grouped
from .rewriting import TABLE

_EATEN = {"a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@TABLE.keeps
def backslashes_taken_for_escapes(text: str) -> str | None:
    """`\\frac` with a form feed: a string literal or JSON without its second backslash."""
    written = re.sub(r"(?<!\\)\\([abfv])(?=[A-Za-z])", lambda found: _EATEN[found[1]], text)
    return written if written != text else None


@TABLE.keeps_response
def box_taken_for_an_escape(text: str) -> str | None:
    return f"So the result is $\boxed{{{text}}}$."


@TABLE.keeps
def thousands_with_apostrophes(text: str) -> str | None:
    return grouped(text, "'")
