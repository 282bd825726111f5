"""Judging free-form mathematical answers: from texts to verdicts.

A verdict is one of

* `correct`, `wrong`;
* `no_answer`: the response has no answer by the rule (no balanced box, say);
* `unparseable`: the answer is nothing that the reader knows (mtpipe/verify/reader/read.py);
* `rejected`: the guard refused it (mtpipe/verify/guard.py): too long, too deep, code; or its value has no bound;
* `timeout`, `crashed`: its judging process ran out of time, or out of memory or luck, and was replaced.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

from mtpipe.verify.compare.equal import compare
from mtpipe.verify.compare.rules import STRICT, Rules
from mtpipe.verify.extraction import ExtractionRule, extract
from mtpipe.verify.guard import LONGEST_RESPONSE, oversized, refuse
from mtpipe.verify.judgement import Judgement
from mtpipe.verify.pool import Pool, Undecided
from mtpipe.verify.reader.read import read, read_otherwise, readings
from mtpipe.verify.reader.tokens import Unreadable, tokens_of
from mtpipe.verify.values.kinds import Expression, Number, Quantity, Sequence, Value

_KEPT = 200


@dataclass(frozen=True)
class Gold:
    """What a response is held against: any of the golds, or all of them; `unit` is the one that is asked for."""

    golds: tuple[str, ...]
    match: Literal["any", "all"] = "any"
    rule: ExtractionRule = "boxed"
    rules: Rules = STRICT
    unit: str = ""

    @classmethod
    def from_meta(cls, meta: dict[str, Any], rules: Rules = STRICT) -> "Gold":
        """From a problem's meta: golds, match, extraction and, where they are there, unit and tolerance (as text)."""
        if tolerance := meta.get("tolerance"):
            rules = replace(rules, tolerance=Fraction(str(tolerance)))
        return cls(
            tuple(meta["golds"]),
            meta.get("match", "any"),
            meta.get("extraction", "boxed"),
            rules,
            meta.get("unit") or "",
        )

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The texts of which one has to be met; all golds together are one list."""
        return self.golds if self.match == "any" else (", ".join(self.golds),)

    @property
    def values(self) -> tuple[Value | None, ...]:
        """What each alternative is; None for one that cannot be read."""
        if self.match == "all":
            return (_all_of(self.golds),)
        return tuple(_with_unit(gold, self.unit) for gold in self.golds)

    @property
    def decimals(self) -> tuple[Value, ...]:
        """What golds that are read as a list may be as well: 1,22 as 1.22."""
        found = map(read_otherwise, self.golds if self.match == "any" else ())
        return tuple(value for value in found if value is not None)


@lru_cache(maxsize=65536)
def _value(gold: str) -> Value | None:
    try:
        return read(gold)
    except Unreadable:
        return None


def _all_of(golds: tuple[str, ...]) -> Value | None:
    members: list[Value] = []
    for gold in golds:
        value = _value(gold)
        if value is None:
            return None
        listed = isinstance(value, Sequence) and value.kind in ("list", "or")
        members.extend(value.members if listed and isinstance(value, Sequence) else (value,))
    return Sequence("list", tuple(members))


def _with_unit(gold: str, unit: str) -> Value | None:
    """The gold in the unit that the data set has in a column of its own."""
    value = _value(gold)
    if unit and isinstance(value, Number | Expression):
        measured = _value(rf"1 \text{{ {unit.strip('$')} }}")
        if isinstance(measured, Quantity) and not measured.unit.label:
            return Quantity(value, measured.unit)
    return value


_SAID = {
    "correct": "",
    "wrong": "unequal",
    "rejected": "its value has no bound",
    "timeout": "its comparison took too long",
    "crashed": "its comparison ended its process",
}


def judge_answers(
    pairs: Iterable[tuple[Gold, str]], pool: Pool, advance: Callable[[], object] = lambda: None
) -> list[Judgement]:
    """One judgement for each (gold, response text), in order. `advance` is called as each is judged."""
    judged: list[Judgement | None] = []
    open_ones: list[tuple[int, str, Undecided]] = []
    for gold, text in pairs:
        settled = judge_cheaply(gold, text)
        if isinstance(settled, Judgement):
            judged.append(settled)
            advance()
        else:
            open_ones.append((len(judged), *settled))
            judged.append(None)
    for number, verdict in pool.judge([comparison for _, _, comparison in open_ones]):
        index, answer, _ = open_ones[number]
        judged[index] = Judgement(verdict, answer, _SAID[verdict])
        advance()
    return [judgement for judgement in judged if judgement is not None]


def judge_cheaply(gold: Gold, text: str) -> Judgement | tuple[str, Undecided]:
    """Everything that needs no process: the answer, the guard, the reading, and what exact arithmetic decides.

    What is left comes back as the answer's text and the comparison that a judging process has to make.
    """
    if len(text) > LONGEST_RESPONSE:
        return Judgement("rejected", "", f"{len(text)} characters; at most {LONGEST_RESPONSE} are judged")
    answer = extract(text, gold.rule)
    if answer is None or not answer.strip(" \t\n$"):
        return Judgement("no_answer", "", f"no answer by the rule {gold.rule!r}")
    kept = answer[:_KEPT]
    if reason := oversized(answer) or refuse(answer):
        return Judgement("rejected", kept, reason)
    values = gold.values
    if any(map(_same_tokens, gold.alternatives, [answer] * len(values), values)):
        return Judgement("correct", kept)
    undecided, reason = [], None
    for value in (*values, *(gold.decimals if "," not in answer else ())):
        if value is None:
            continue
        try:
            answers = readings(answer, value)
        except Unreadable as error:
            reason = str(error)
            continue
        equal = compare(value, answers, gold.rules)
        if equal:
            return Judgement("correct", kept)
        if equal is None:
            undecided.append((value, tuple(answers)))
    if undecided:
        return kept, Undecided(tuple(undecided), gold.rules)
    return Judgement("wrong", kept, _SAID["wrong"]) if reason is None else Judgement("unparseable", kept, reason)


def _same_tokens(gold: str, answer: str, value: Value | None) -> bool:
    """Whether an answer is the gold's own text, spaces and styles aside; asked of golds that cannot be read too."""
    if gold == answer:
        return True
    if value is not None:
        return False
    try:
        mine, other = ([token.text for token in tokens_of(text, "part")] for text in (gold, answer))
    except Unreadable:
        return "".join(gold.split()) == "".join(answer.split())
    return _trimmed(mine) == _trimmed(other)


def _trimmed(texts: list[str]) -> list[str]:
    while texts and texts[-1] == ".":
        texts.pop()
    return texts[1:-1] if texts and texts[0] == "{" and texts[-1] == "}" else texts


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
    problems: list[dict[str, Any]], texts: list[str], rules: Rules, advance: Callable[[], object]
) -> list[Judgement]:
    """One judgement for each text; problem i, of task "math", is the one that text i answers."""
    golds = {problem["problem_id"]: Gold.from_meta(json.loads(problem["meta"]), rules) for problem in problems}
    with Pool() as pool:
        pairs = [(golds[problem["problem_id"]], text) for problem, text in zip(problems, texts, strict=True)]
        return judge_answers(pairs, pool, advance)
