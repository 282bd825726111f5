"""Rows of a data set that can be problems: with a problem, an answer that can be a gold, and no double."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mtpipe.progress import progress_bar
from mtpipe.settings.task import Difficulty
from mtpipe.settings.templates import Template, bare_problem
from mtpipe.tasks.catalogue import Shape, part
from mtpipe.tasks.golds import Golds, find_golds
from mtpipe.tasks.row_tally import RowTally
from mtpipe.tasks.sources import Loaded


@dataclass(frozen=True)
class Candidate:
    """A problem with all it takes, not yet chosen."""

    row: int
    question: str
    answer: str
    prompt: str
    golds: Golds
    unit: str | None
    tolerance: str | None

    def drop(self, tally: RowTally, reason: str, detail: str) -> None:
        tally.drop(reason, self.row, self.question, self.answer, detail)


def find_candidates(
    loaded: Loaded, difficulty: Difficulty | None, prompt: Callable[[str], str], seen: dict[str, str], tally: RowTally
) -> list[Candidate]:
    """The rows that have a problem and an answer and are no duplicates; `seen` has the problems so far."""
    candidates = []
    for index, row in enumerate(progress_bar(loaded.rows, f"read {tally.name}", "rows")):
        shape = loaded.shape
        question, value = _question(row, shape), part(row, shape.answer)
        answer = value if isinstance(value, str) else json.dumps(value, default=str)
        tally.read(question, answer)
        if not question:
            tally.drop("no problem text", index, question, answer)
            continue
        if difficulty is not None and (reason := _outside(difficulty, row)) is not None:
            tally.drop(reason, index, question, answer)
            continue
        key = " ".join(question.split())
        if key in seen:
            same = seen[key] == answer
            tally.drop("duplicate" if same else "duplicate with another answer", index, question, answer)
            continue
        try:
            golds = find_golds(row, shape)
        except ValueError as error:
            tally.drop("no usable gold", index, question, answer, str(error))
            continue
        seen[key] = answer
        unit, tolerance = (str(part(row, path) or "") or None for path in (shape.unit, shape.tolerance))
        candidates.append(Candidate(index, question, answer, prompt(question), golds, unit, tolerance))
    return candidates


def _question(row: dict[str, Any], shape: Shape) -> str:
    texts = [part(row, path) for path in (shape.context, shape.problem)]
    return "\n".join(bare_problem(text.replace("\ufeff", "")) for text in texts if isinstance(text, str) and text)


def _outside(difficulty: Difficulty, row: dict[str, Any]) -> str | None:
    """Why a row's difficulty is not within the bounds; None if it is."""
    value = part(row, difficulty.column)
    if isinstance(value, str):
        number = re.search(r"-?\d+(?:\.\d+)?", value)
        value = float(number[0]) if number else None
    if value is None or isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return "no difficulty"
    too_low = difficulty.min is not None and value < difficulty.min
    too_high = difficulty.max is not None and value > difficulty.max
    return "outside difficulty" if too_low or too_high else None


def rank(question: str, seed: int) -> bytes:
    return hashlib.blake2b(f"choose/{seed}/{question}".encode(), digest_size=16).digest()


def gold_meta(candidate: Candidate) -> dict[str, Any]:
    """What the verifier is told of a problem's golds."""
    meta: dict[str, Any] = {"golds": candidate.golds.texts, "match": candidate.golds.match}
    if candidate.unit is not None:
        meta["unit"] = candidate.unit
    if candidate.tolerance is not None:
        meta["tolerance"] = candidate.tolerance
    return meta


def problem_row(candidate: Candidate, prefix: str, split: str, source: str, template: Template) -> dict[str, Any]:
    """A row of records.PROBLEMS."""
    meta = {**gold_meta(candidate), "extraction": template.extraction}
    if template.stop:
        meta["stop"] = list(template.stop)
    return {
        "problem_id": f"{prefix}-{candidate.row}",
        "task": "math",
        "split": split,
        "prompt": candidate.prompt,
        "answer": ", ".join(candidate.golds.texts),
        "meta": json.dumps({**meta, "question": candidate.question, "source": source}, ensure_ascii=False),
    }
