"""All rewritings of many golds, judged, and counted by rewriting."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mtpipe.verify.answers import Gold, judge_answers
from mtpipe.verify.pool import Pool

from . import (
    changing_answers,
    changing_formulas,
    changing_numbers,
    changing_relations,
    changing_sets,
    keeping_formulas,
    keeping_mishaps,
    keeping_numbers,
    keeping_relations,
    keeping_sets,
    keeping_typography,
    units,
)
from .exceptions import EXCEPTIONS
from .rewriting import TABLE, Rewriting

MODULES = (
    keeping_typography, keeping_mishaps, keeping_numbers, keeping_formulas, keeping_sets, keeping_relations,
    changing_numbers, changing_formulas, changing_sets, changing_relations, changing_answers, units,
)  # fmt: skip
"""Importing them fills the table."""


@dataclass(frozen=True)
class Case:
    """One gold, rewritten."""

    rewriting: Rewriting
    gold: str
    response: str


@dataclass
class Count:
    """How often a rewriting applied, and where its verdict was not the one that mathematics asks for."""

    tried: int = 0
    excepted: int = 0
    failures: list[tuple[Case, str]] = field(default_factory=list)

    @property
    def share(self) -> float:
        return 1 - len(self.failures) / self.tried if self.tried else 1.0


def cases(golds: Iterable[str]) -> Iterator[Case]:
    """Every rewriting that applies to every gold."""
    for gold in golds:
        for rewriting in TABLE.values():
            response = rewriting.response(gold)
            if response is not None:
                yield Case(rewriting, gold, response)


def sample(golds: Iterable[str], each: int) -> list[Case]:
    """At most `each` cases of a rewriting, the same ones on every machine: those with the smallest hashes."""
    ordered = sorted(golds, key=lambda gold: hashlib.sha256(gold.encode()).digest())
    left = dict.fromkeys(TABLE, each)
    chosen = []
    for gold in ordered:
        for name, rewriting in TABLE.items():
            if left[name] and (response := rewriting.response(gold)) is not None:
                chosen.append(Case(rewriting, gold, response))
                left[name] -= 1
    return chosen


def run(chosen: list[Case], pool: Pool) -> dict[str, Count]:
    """The verdicts, counted; what the table of exceptions names is counted apart."""
    counts = {name: Count() for name in TABLE}
    judged = judge_answers([(Gold((case.gold,)), case.response) for case in chosen], pool)
    for case, judgement in zip(chosen, judged, strict=True):
        count = counts[case.rewriting.name]
        count.tried += 1
        if (judgement.verdict == "correct") != case.rewriting.keeps:
            if (case.rewriting.name, case.gold) in EXCEPTIONS:
                count.excepted += 1
            else:
                count.failures.append((case, judgement.verdict))
    return counts


def summary(counts: dict[str, Count], *, keeps: bool) -> Count:
    """All rewritings of one kind together."""
    total = Count()
    for name, count in counts.items():
        if TABLE[name].keeps == keeps:
            total.tried += count.tried
            total.excepted += count.excepted
            total.failures += count.failures
    return total
