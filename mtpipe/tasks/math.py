"""Mathematics: from data sets to problems with prompts and golds, and an tally of every row that was left out."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from mtpipe.errors import MtpipeError
from mtpipe.progress import progress_bar
from mtpipe.settings.task import Difficulty, MathTask, Source
from mtpipe.settings.templates import CHAT, PLACE, Template, bare_problem, find_template
from mtpipe.tasks.catalogue import Shape, part
from mtpipe.tasks.chat import chat_prompts
from mtpipe.tasks.decontamination import Benchmarks
from mtpipe.tasks.golds import Golds, find_golds
from mtpipe.tasks.prepared import Prepared
from mtpipe.tasks.row_tally import RowTally
from mtpipe.tasks.sources import Loaded, Role, load
from mtpipe.verify.answers import verify_themselves


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

    def drop(self, tally: RowTally, reason: str, detail: str) -> None:
        tally.drop(reason, self.row, self.question, self.answer, detail)


def prepare_math(task: MathTask, checkpoint: str | None) -> Prepared:
    """Loads every source of the task, benchmarks first, because training problems that stand in one are dropped.

    Args:
        checkpoint: the policy's folder, whose tokenizer counts a prompt's tokens; None for a new model.

    Raises MtpipeError if a source cannot be read, has another digest than params.yaml says, or keeps no problem.
    """
    reader = _Reader(task, checkpoint)
    benchmarks = {name: reader.read_benchmark(name, source) for name, source in task.benchmarks.items()}
    train = reader.read_training(task.train)
    return Prepared(
        train,
        benchmarks,
        sources=[tally.as_dict() for tally in reader.accounts],
        dropped=[row for tally in reader.accounts for row in tally.listed],
    )


class _Reader:
    """Reads one source after the other, and remembers the benchmarks' problems."""

    def __init__(self, task: MathTask, checkpoint: str | None):
        self.accounts: list[RowTally] = []
        self._task = task
        self._template = _template(task)
        self._prompt = chat_prompts(task.chat, checkpoint) if task.template == CHAT else self._template.prompt
        self._tokens = _token_counter(checkpoint)
        self._held_out: list[tuple[str, str]] = []

    def read_benchmark(self, name: str, source: Source) -> list[dict[str, Any]]:
        """Rows of records.PROBLEMS."""
        tally, candidates = self._read(name, source, "benchmarks", seen={})
        self._held_out += [(name, candidate.question) for candidate in candidates]
        chosen = self._choose(candidates, source.count, tally)
        return [_problem(candidate, name, name, name, self._template) for candidate in chosen]

    def read_training(self, sources: dict[str, Source]) -> list[dict[str, Any]]:
        """Rows of records.PROBLEMS; a problem that stands in two sources is taken from the first."""
        held_out, seen, rows = Benchmarks(self._held_out), dict[str, str](), []
        for name, source in sources.items():
            tally, candidates = self._read(name, source, "train", seen)
            clean = []
            for candidate in candidates:
                if (overlap := held_out.containing(candidate.question)) is None:
                    clean.append(candidate)
                else:
                    candidate.drop(tally, "in a benchmark", " ".join(overlap))
            chosen = self._choose(clean, source.count, tally)
            rows += [_problem(candidate, f"train-{name}", "train", name, self._template) for candidate in chosen]
        return rows

    def _read(self, name: str, source: Source, role: Role, seen: dict[str, str]) -> tuple[RowTally, list[_Candidate]]:
        loaded = load(source, role, name)
        tally = RowTally(name, role, loaded.origin)
        self.accounts.append(tally)
        candidates = _candidates(loaded, source.difficulty, self._prompt, seen, tally)
        if source.digest not in (None, tally.digest):
            raise MtpipeError(
                f"params.yaml: task.{role}.{name}.digest is {source.digest}, and what was loaded has {tally.digest}: "
                f"other rows than those that were pinned"
            )
        return tally, candidates

    def _choose(self, candidates: list[_Candidate], count: int | None, tally: RowTally) -> list[_Candidate]:
        """The first `count` candidates, in an order of their own, with golds that verify and prompts short enough.

        A problem's place in that order depends on the seed and its text alone, so that a filter or a new row does not
        choose all others anew. Only as many golds are verified as it takes.
        """
        waiting = []
        for candidate in candidates:
            if (length := self._tokens(candidate.prompt)) <= self._task.max_prompt_tokens:
                waiting.append(candidate)
            else:
                candidate.drop(tally, "prompt too long", f"{length} tokens")
        wanted = len(waiting) if count is None else count
        waiting.sort(key=lambda candidate: _rank(candidate.question, self._task.seed))
        chosen: list[_Candidate] = []
        while waiting and len(chosen) < wanted:
            chunk, waiting = waiting[: wanted - len(chosen)], waiting[wanted - len(chosen) :]
            for candidate, holds in zip(chunk, verify_themselves([_gold_meta(one) for one in chunk]), strict=True):
                if holds:
                    chosen.append(candidate)
                else:
                    detail = f"does not verify against itself: {', '.join(candidate.golds.texts)}"
                    candidate.drop(tally, "no usable gold", detail)
        if waiting:
            tally.count("not chosen", len(waiting))
        chosen.sort(key=lambda candidate: candidate.row)
        tally.keep([candidate.prompt for candidate in chosen])
        print(tally)
        if not chosen:
            raise MtpipeError(f"params.yaml: task has a data set that leaves no problem, {tally}")
        return chosen


def _template(task: MathTask) -> Template:
    template = Template(PLACE) if task.template == CHAT else find_template(task.template)
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
    loaded: Loaded, difficulty: Difficulty | None, prompt: Callable[[str], str], seen: dict[str, str], tally: RowTally
) -> list[_Candidate]:
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
        candidates.append(_Candidate(index, question, answer, prompt(question), golds, unit, tolerance))
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
