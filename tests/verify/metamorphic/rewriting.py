"""A rewriting: a small pure function from a gold's text to an answer's text, or to None where it does not apply."""

import re
from collections.abc import Callable
from dataclasses import dataclass

Rewrite = Callable[[str], str | None]


@dataclass(frozen=True)
class Rewriting:
    """`keeps`: whether the answer means what the gold means. `whole`: it writes the whole response, box and all."""

    name: str
    rewrite: Rewrite
    keeps: bool
    whole: bool = False

    def response(self, gold: str) -> str | None:
        """What a response with the rewritten gold says; None where the rewriting does not apply or changes nothing."""
        answer = self.rewrite(tidy(gold))
        if answer is None or answer == gold:
            return None
        return answer if self.whole else rf"So the result is $\boxed{{{answer}}}$."


class Table(dict[str, Rewriting]):
    """Rewritings by name, filled by its decorators."""

    def keeps(self, rewrite: Rewrite) -> Rewrite:
        return self._add(rewrite, keeps=True)

    def keeps_response(self, rewrite: Rewrite) -> Rewrite:
        return self._add(rewrite, keeps=True, whole=True)

    def changes(self, rewrite: Rewrite) -> Rewrite:
        return self._add(rewrite, keeps=False)

    def _add(self, rewrite: Rewrite, *, keeps: bool, whole: bool = False) -> Rewrite:
        name = rewrite.__name__.replace("_", " ")
        if name in self:
            raise ValueError(f"two rewritings are called {name!r}")
        self[name] = Rewriting(name, rewrite, keeps, whole)
        return rewrite


TABLE = Table()


def tidy(gold: str) -> str:
    """A gold without the typography that carries no meaning, so that a rewriting starts from one form."""
    gold = re.sub(r",\\!\s?(?=\d{3})", ",", gold)
    gold = re.sub(r"(?<=\d)[eE]\+?(-?\d+)(?=\.?$)", r"\\times 10^{\1}", gold)
    text = re.sub(r"\\left(?![a-z])|\\right(?![a-z])|\\!|\\displaystyle", "", gold.strip().strip("$").rstrip("."))
    text = re.sub(r"\\[dt]frac", r"\\frac", text).replace("^{\\circ}", "^\\circ")
    return re.sub(r"\\([lgn]e)(q|qslant)?(?![a-z])", r"\\\1", text).strip()
