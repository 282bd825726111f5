"""Prepares the problems of whichever task params.yaml names, and checks what its class gave."""

import json
import re
from typing import Any

from mtpipe.errors import MtpipeError
from mtpipe.records import EXAMPLES, PROBLEMS
from mtpipe.settings.plugins import own_code, written_in
from mtpipe.tasks.prepared import Prepared
from mtpipe.tasks.task import Task

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""Of benchmarks, which are a file each."""


def prepare(task: Task, checkpoint: str | None) -> Prepared:
    """Generates or loads the task's problems; a checkpoint's tokenizer measures prompts.

    Raises MtpipeError if the settings do not allow for them, or if the task's class gives something else than rows of
    problems with ids that differ.
    """
    try:
        with own_code(task.name):
            found = task.prepare(checkpoint)
    except ValueError as error:
        raise MtpipeError(f"params.yaml: task: {error}") from None
    try:
        return _checked(task, found)
    except ValueError as error:
        where = f"{task.name} ({written_in(type(task).prepare)})"
        raise MtpipeError(f"params.yaml: task: `prepare` of {where} gave {error}") from None


def _checked(task: Task, found: Any) -> Prepared:
    """What a task gave, with complete rows. Raises ValueError."""
    if not isinstance(found, Prepared):
        raise ValueError(f"{found!r:.200}; expected a Prepared")
    if list(found.benchmarks) != list(task.benchmark_names):
        raise ValueError(
            f"the benchmarks {', '.join(found.benchmarks) or 'none'}; expected those of benchmark_names: "
            f"{', '.join(task.benchmark_names) or 'none'}"
        )
    for name in found.benchmarks:
        if not _FILE_NAME.fullmatch(name) or name == "train":
            raise ValueError(f"a benchmark {name!r}; expected letters, digits, _, . and -, and not `train`")
    seen: dict[str, str] = {}
    splits = {}
    for name, rows in {"train": found.train, **found.benchmarks}.items():
        if not rows:
            raise ValueError(f"no problem for {name}")
        splits[name] = [_problem(row, task.name, name, index) for index, row in enumerate(rows)]
        for row in splits[name]:
            problem_id = row["problem_id"]
            if problem_id in seen:
                raise ValueError(
                    f"two problems with the id {problem_id!r}, one in {seen[problem_id]} and one in {name}; expected "
                    f"an id for each problem"
                )
            seen[problem_id] = name
    if bool(found.examples) != task.has_worked_answers:
        raise ValueError(
            f"{len(found.examples)} worked answers; expected {'some' if task.has_worked_answers else 'none'}, because "
            f"has_worked_answers is {task.has_worked_answers}"
        )
    examples = [_example(row, index) for index, row in enumerate(found.examples)]
    return Prepared(splits.pop("train"), splits, examples, found.sources, found.dropped)


def _problem(row: Any, task: str, split: str, index: int) -> dict[str, Any]:
    """A complete row of records.PROBLEMS. Raises ValueError."""
    _check_texts(row, ("prompt", "answer"), PROBLEMS.names, f"problem {index} of {split}")
    meta = row.get("meta", {})
    if not isinstance(meta, str):
        try:
            meta = json.dumps(meta, ensure_ascii=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"problem {index} of {split}, whose meta JSON cannot hold: {error}") from None
    return {"problem_id": f"{split}-{index}", "task": task, "split": split, **row, "meta": meta}


def _example(row: Any, index: int) -> dict[str, str]:
    """A complete row of records.EXAMPLES. Raises ValueError."""
    _check_texts(row, ("prompt", "response"), EXAMPLES.names, f"worked answer {index}")
    return {"problem_id": f"warm_start-{index}", **row}


def _check_texts(row: Any, needed: tuple[str, ...], known: list[str], what: str) -> None:
    """Raises ValueError if a row lacks a text that it has to have, or has a key that nobody reads."""
    expected = f"expected a dictionary with {' and '.join(needed)}, both texts"
    if not isinstance(row, dict):
        raise ValueError(f"{row!r:.200} as {what}; {expected}")
    for key in needed:
        if not isinstance(row.get(key), str):
            raise ValueError(f"{what} with {key!r} {row.get(key)!r:.200}; {expected}")
    if unknown := sorted(set(row) - set(known)):
        raise ValueError(f"{what} with the key {unknown[0]!r}; known ones are {', '.join(known)}; the rest is for meta")
