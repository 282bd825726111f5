"""Judging free-form mathematical answers: from texts to verdicts.

A verdict is one of

* `correct`, `wrong`;
* `no_answer`: the response has no answer by the rule (no balanced box, say);
* `unparseable`: the answer is no formula;
* `rejected`: the guard refused it (mtpipe/verify/guard.py): too long, too deep, code, or a value without bound;
* `timeout`, `crashed`: its judging process ran out of time, or out of memory or luck, and was replaced.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from mtpipe.verify.equivalence import EXACT, Leniency, compare
from mtpipe.verify.extraction import ExtractionRule, extract
from mtpipe.verify.guard import LONGEST_RESPONSE, oversized, refuse
from mtpipe.verify.judgement import Judgement
from mtpipe.verify.normalise import normalise
from mtpipe.verify.pool import Pool, Undecided

_KEPT = 200


@dataclass(frozen=True)
class Gold:
    """What a response is held against: any of the golds, or all of them in any order."""

    golds: tuple[str, ...]
    match: Literal["any", "all"] = "any"
    rule: ExtractionRule = "boxed"
    leniency: Leniency = EXACT

    @classmethod
    def from_meta(cls, meta: dict[str, Any]) -> "Gold":
        """From a problem's meta: golds, match, extraction and, where it is there, tolerance (a decimal as text)."""
        tolerance = meta.get("tolerance")
        leniency = Leniency(tolerance=Fraction(str(tolerance))) if tolerance else EXACT
        return cls(tuple(meta["golds"]), meta.get("match", "any"), meta.get("extraction", "boxed"), leniency)

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The texts of which one has to be met; all golds together are one list."""
        return self.golds if self.match == "any" else (", ".join(self.golds),)


_SAID = {
    "correct": "",
    "wrong": "math-verify finds it unequal",
    "unparseable": "it is no formula",
    "timeout": "its comparison took too long",
    "crashed": "its comparison ended its process",
}


def judge_answers(
    pairs: Iterable[tuple[Gold, str]], pool: Pool, advance: Callable[[], object] = lambda: None
) -> list[Judgement]:
    """One judgement for each (gold, response text), in order. `advance` is called as each is judged."""
    judged: list[Judgement | None] = []
    open_ones: list[tuple[int, Undecided]] = []
    for gold, text in pairs:
        settled = judge_cheaply(gold, text)
        if isinstance(settled, Undecided):
            open_ones.append((len(judged), settled))
            judged.append(None)
        else:
            judged.append(settled)
            advance()
    for number, verdict in pool.judge([comparison for _, comparison in open_ones]):
        index, comparison = open_ones[number]
        judged[index] = Judgement(verdict, comparison.answer[:_KEPT], _SAID[verdict])
        advance()
    return [judgement for judgement in judged if judgement is not None]


def judge_cheaply(gold: Gold, text: str) -> Judgement | Undecided:
    """Everything that needs no process: the answer's extraction, the first two rungs, and the guard."""
    if len(text) > LONGEST_RESPONSE:
        return Judgement("rejected", "", f"{len(text)} characters; at most {LONGEST_RESPONSE} are judged")
    answer = extract(text, gold.rule)
    if answer is None or not answer.strip():
        return Judgement("no_answer", "", f"no answer by the rule {gold.rule!r}")
    kept = answer[:_KEPT]
    if size := oversized(answer):
        return Judgement("rejected", kept, size)
    undecided = []
    for alternative in gold.alternatives:
        equal = compare(alternative, answer, gold.leniency)
        if equal:
            return Judgement("correct", kept)
        if equal is None:
            undecided.append(alternative)
    if refusal := refuse(normalise(answer), " ".join(undecided)):
        return Judgement("rejected", kept, refusal)
    if not undecided:
        return Judgement("wrong", kept, "unequal")
    return Undecided(tuple(undecided), answer, gold.leniency)


def verify_themselves(metas: Iterable[dict[str, Any]]) -> list[bool]:
    """Whether each problem's golds, given back in a box, are judged correct; `metas` as in records.PROBLEMS' meta."""
    golds = [Gold.from_meta({**meta, "extraction": "boxed"}) for meta in metas]
    with Pool() as pool:
        judgements = judge_answers(
            [(gold, rf"\boxed{{{alternative}}}") for gold in golds for alternative in gold.alternatives], pool
        )
    verdicts = iter(judgement.verdict == "correct" for judgement in judgements)
    return [bool(gold.golds) and all([next(verdicts) for _ in gold.alternatives]) for gold in golds]


def judge_problem_responses(
    problems: list[dict[str, Any]], texts: list[str], advance: Callable[[], object]
) -> list[Judgement]:
    """One judgement for each text; problem i, of task "math", is the one that text i answers."""
    golds = {problem["problem_id"]: Gold.from_meta(json.loads(problem["meta"])) for problem in problems}
    with Pool() as pool:
        pairs = [(golds[problem["problem_id"]], text) for problem, text in zip(problems, texts, strict=True)]
        return judge_answers(pairs, pool, advance)
