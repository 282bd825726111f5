"""Which training problems also stand in a benchmark."""

import re
import unicodedata
from collections.abc import Iterable

GRAM = 13
"""Words in a row that a training problem may not share with a benchmark's."""
_UNSEEN = re.compile(r"\\[,;:! ]|\\(?:left|right|displaystyle)(?![A-Za-z])|[\s$~]")
_WORD = re.compile(r"[^\W_]+")


def same_text(problem: str) -> str:
    """A problem without what does not change it: case, spaces, dollar signs, LaTeX's spacing, a final full stop."""
    text = unicodedata.normalize("NFKC", problem).casefold()
    return _UNSEEN.sub("", text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")).rstrip(".")


def _grams(problem: str) -> list[tuple[str, ...]]:
    words = _WORD.findall(unicodedata.normalize("NFKC", problem).casefold())
    return [tuple(words[start : start + GRAM]) for start in range(len(words) - GRAM + 1)]


class Benchmarks:
    """The problems of all benchmarks, to look training problems up in."""

    def __init__(self, problems: Iterable[tuple[str, str]]):
        """`problems` are pairs of a benchmark's name and a problem."""
        self._texts: dict[str, str] = {}
        self._grams: dict[tuple[str, ...], str] = {}
        for name, problem in problems:
            self._texts.setdefault(same_text(problem), name)
            for gram in _grams(problem):
                self._grams.setdefault(gram, name)

    def containing(self, problem: str) -> tuple[str, str] | None:
        """How a problem overlaps (`same text as` or `13 words in common with`) and with which benchmark, if any."""
        if (name := self._texts.get(same_text(problem))) is not None:
            return "same text as", name
        name = next((self._grams[gram] for gram in _grams(problem) if gram in self._grams), None)
        return None if name is None else (f"{GRAM} words in common with", name)
