"""Mathematics: from data sets to problems with prompts and golds, and an account of every row that was left out."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from mtpipe.errors import MtpipeError
from mtpipe.stage import progress_bar
from mtpipe.tasks.catalogue import Shape, part
from mtpipe.tasks.decontamination import Benchmarks
from mtpipe.tasks.golds import Golds, find_golds
from mtpipe.tasks.prepared import Prepared
from mtpipe.tasks.settings import Difficulty, MathTask, Source
from mtpipe.tasks.sources import Loaded, Role, load
from mtpipe.tasks.templates import Template, bare_problem, find_template
from mtpipe.verify.judging import verify_golds

_COUNTED_ONLY = {"duplicate", "outside difficulty", "not chosen"}
"""Reasons that are no fault of a row, and may be millions: counted, but not listed in dropped.jsonl."""


@dataclass(frozen=True)
class _Candidate:
    """A problem with all it takes, not yet chosen."""

    row: int
    question: str
    answer: str
    prompt: str
    golds: Golds
    unit: str | None
    tolerance: str | None


class _Account:
    """What became of one source's rows."""

    def __init__(self, name: str, role: Role, origin: dict[str, Any]):
        self.name, self.role, self.origin = name, role, origin
        self.rows, self.kept = 0, 0
        self.digest = hashlib.sha256()
        self.reasons: Counter[str] = Counter()
        self.listed: list[dict[str, Any]] = []

    def drop(self, reason: str, row: int, question: str, answer: str, detail: str = "") -> None:
        self.reasons[reason] += 1
        if reason not in _COUNTED_ONLY:
            where = {"source": self.name, "row": row, "reason": reason}
            self.listed.append({**where, "detail": detail, "answer": answer, "problem": question})

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "role": "training" if self.role == "train" else "benchmark",
            **self.origin,
            "digest": self.digest.hexdigest(),
            "rows": self.rows,
            "kept": self.kept,
            "dropped": dict(sorted(self.reasons.items())),
        }

    def __str__(self) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.reasons.items()))
        return f"{self.name}: {self.kept} of {self.rows} rows kept" + (f" ({reasons})" if reasons else "")


def prepare_math(task: MathTask, checkpoint: str | None) -> Prepared:
    """Loads every source of the task, benchmarks first, because training problems that stand in one are dropped.

    Raises MtpipeError where a source cannot be read, has another digest than params.yaml says, or keeps no problem.
    """
    template = _template(task)
    tokens = _token_counter(checkpoint)
    accounts: list[_Account] = []
    benchmarks: dict[str, list[dict[str, Any]]] = {}
    held_out: list[tuple[str, str]] = []

    def read(name: str, source: Source, role: Role, seen: dict[str, str], known: Benchmarks | None) -> list[_Candidate]:
        loaded = load(source, role, name)
        account = _Account(name, role, loaded.origin)
        accounts.append(account)
        candidates = []
        for candidate in _candidates(loaded, source.difficulty, template, seen, account):
            if known is None:
                held_out.append((name, candidate.question))
            elif (overlap := known.containing(candidate.question)) is not None:
                how, benchmark = overlap
                account.drop(
                    "in a benchmark", candidate.row, candidate.question, candidate.answer, f"{how} {benchmark}"
                )
                continue
            if (length := tokens(candidate.prompt)) > task.max_prompt_tokens:
                detail = f"{length} tokens"
                account.drop("prompt too long", candidate.row, candidate.question, candidate.answer, detail)
                continue
            candidates.append(candidate)
        if source.digest not in (None, account.digest.hexdigest()):
            raise MtpipeError(
                f"params.yaml: task.{role}.{name}.digest is {source.digest}, and what was loaded has "
                f"{account.digest.hexdigest()}: other rows than those that were pinned"
            )
        chosen = _choose(candidates, source.number, task.seed, account)
        account.kept = len(chosen)
        print(account)
        if not chosen:
            raise MtpipeError(f"params.yaml: task.{role}.{name} leaves no problem: {account}")
        return chosen

    for name, source in task.benchmarks.items():
        chosen = read(name, source, "benchmarks", {}, None)
        benchmarks[name] = [_problem(candidate, name, name, name, template) for candidate in chosen]
    known = Benchmarks(held_out)
    seen: dict[str, str] = {}
    train = [
        _problem(candidate, f"train-{name}", "train", name, template)
        for name, source in task.train.items()
        for candidate in read(name, source, "train", seen, known)
    ]
    return Prepared(
        train,
        benchmarks,
        sources=[account.as_dict() for account in accounts],
        dropped=[row for account in accounts for row in account.listed],
    )


def _template(task: MathTask) -> Template:
    template = find_template(task.template)
    if task.extraction is not None:
        template = replace(template, extraction=task.extraction)
    return template if task.stop is None else replace(template, stop=tuple(task.stop))


def _token_counter(checkpoint: str | None) -> Callable[[str], int]:
    """Counts a prompt's tokens as the policy will; a new model reads bytes."""
    if checkpoint is None:
        return lambda prompt: len(prompt.encode())
    file = Path(checkpoint) / "tokenizer.json"
    if not file.is_file():
        raise MtpipeError(f"params.yaml: model.checkpoint is {checkpoint!r}, which has no tokenizer.json")
    tokenizer = Tokenizer.from_file(str(file))
    return lambda prompt: len(tokenizer.encode(prompt, add_special_tokens=False).ids)


def _candidates(
    loaded: Loaded, difficulty: Difficulty | None, template: Template, seen: dict[str, str], account: _Account
) -> list[_Candidate]:
    """The rows that have a problem and an answer and are no duplicates; `seen` has the problems so far."""
    candidates = []
    for index, row in enumerate(progress_bar(loaded.rows, f"read {account.name}", "rows")):
        shape = loaded.shape
        question, value = _question(row, shape), part(row, shape.answer)
        answer = value if isinstance(value, str) else json.dumps(value, default=str)
        account.rows += 1
        account.digest.update(json.dumps([question, answer]).encode() + b"\n")
        if not question:
            account.drop("no problem text", index, question, answer)
            continue
        if difficulty is not None and (reason := _outside(difficulty, row)) is not None:
            account.drop(reason, index, question, answer)
            continue
        key = " ".join(question.split())
        if key in seen:
            same = seen[key] == answer
            account.drop("duplicate" if same else "duplicate with another answer", index, question, answer)
            continue
        try:
            golds = find_golds(row, shape)
        except ValueError as error:
            account.drop("no usable gold", index, question, answer, str(error))
            continue
        seen[key] = answer
        unit, tolerance = (str(part(row, path) or "") or None for path in (shape.unit, shape.tolerance))
        candidates.append(_Candidate(index, question, answer, template.prompt(question), golds, unit, tolerance))
    return candidates


def _question(row: dict[str, Any], shape: Shape) -> str:
    texts = [part(row, path) for path in (shape.context, shape.problem)]
    return "\n".join(bare_problem(text.replace("\ufeff", "")) for text in texts if isinstance(text, str) and text)


def _outside(difficulty: Difficulty, row: dict[str, Any]) -> str | None:
    """Why a row's difficulty is not within the bounds; None where it is."""
    value = part(row, difficulty.column)
    if isinstance(value, str):
        number = re.search(r"-?\d+(?:\.\d+)?", value)
        value = float(number[0]) if number else None
    if value is None or isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return "no difficulty"
    too_low = difficulty.min is not None and value < difficulty.min
    too_high = difficulty.max is not None and value > difficulty.max
    return "outside difficulty" if too_low or too_high else None


def _choose(candidates: list[_Candidate], number: int | None, seed: int, account: _Account) -> list[_Candidate]:
    """The first `number` candidates, in an order of their own, whose golds verify against themselves.

    A problem's place in that order depends on the seed and its text alone, so that a filter or a new row does not
    choose all others anew. Only as many golds are verified as it takes.
    """
    wanted = len(candidates) if number is None else number
    waiting = sorted(candidates, key=lambda candidate: _rank(candidate.question, seed)) if number else candidates
    chosen: list[_Candidate] = []
    while waiting and len(chosen) < wanted:
        chunk, waiting = waiting[: wanted - len(chosen)], waiting[wanted - len(chosen) :]
        verified = verify_golds([_gold_meta(candidate) for candidate in chunk])
        for candidate, holds in zip(chunk, verified, strict=True):
            if holds:
                chosen.append(candidate)
            else:
                detail = f"does not verify against itself: {', '.join(candidate.golds.texts)}"
                account.drop("no usable gold", candidate.row, candidate.question, candidate.answer, detail)
    if waiting:
        account.reasons["not chosen"] += len(waiting)
    return sorted(chosen, key=lambda candidate: candidate.row)


def _rank(question: str, seed: int) -> bytes:
    return hashlib.blake2b(f"choose/{seed}/{question}".encode(), digest_size=16).digest()


def _gold_meta(candidate: _Candidate) -> dict[str, Any]:
    """What the verifier is told of a problem's golds."""
    meta: dict[str, Any] = {"golds": candidate.golds.texts, "match": candidate.golds.match}
    if candidate.unit is not None:
        meta["unit"] = candidate.unit
    if candidate.tolerance is not None:
        meta["tolerance"] = candidate.tolerance
    return meta


def _problem(candidate: _Candidate, prefix: str, split: str, source: str, template: Template) -> dict[str, Any]:
    """A row of records.PROBLEMS."""
    meta = {**_gold_meta(candidate), "extraction": template.extraction}
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
