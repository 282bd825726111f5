"""Judges a file of golds and answers, without a pipeline."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from mtpipe.errors import MtpipeError
from mtpipe.files import atomic
from mtpipe.progress import progress_bar
from mtpipe.verify.answers import Gold, judge_answers
from mtpipe.verify.equivalence import Leniency
from mtpipe.verify.extraction import extract
from mtpipe.verify.pool import SECONDS_PER_ANSWER, Pool


def grade(source: Path, target: Path, processes: int = 2, seconds: float = SECONDS_PER_ANSWER) -> str:
    """Judges every row of `source` into `target`, and returns the summary.

    Raises MtpipeError, naming the line, where a row is no JSON object, or lacks a text `gold` or `pred`; then nothing
    is written.
    """
    rows = read_rows(source)
    with progress_bar(len(rows), f"grade {source.name}", "answers") as bar, Pool(processes, seconds) as pool:
        judgements = judge_answers([(_gold(row), row["pred"]) for row in rows], pool, bar.update)
    lines = [
        json.dumps({**row, "correct": found.verdict == "correct", "verdict": found.verdict, "answer": found.answer})
        for row, found in zip(rows, judgements, strict=True)
    ]
    with atomic(target) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    counts = Counter(found.verdict for found in judgements)
    share = f"{counts['correct']} of {len(rows)} correct ({counts['correct'] / len(rows):.1%})"
    others = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common() if verdict != "correct")
    return f"{share}; {others or 'no others'}; written to {target}"


def read_rows(source: Path) -> list[dict[str, Any]]:
    """The rows of a JSON-lines file, each with `gold` and `pred`; blank lines are skipped."""
    try:
        text = source.read_bytes().decode("utf-8")
    except OSError as error:
        raise MtpipeError(f"{source} could not be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise MtpipeError(f"{source} is no UTF-8 text (byte {error.start})") from None
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            rows.append(_row(line, f"{source}, line {number}"))
    if not rows:
        raise MtpipeError(f'{source} has no rows; expected lines like {{"gold": "42", "pred": "\\\\boxed{{42}}"}}')
    return rows


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MtpipeError(f"{where}: no JSON ({error}); nothing was written") from None
    if not isinstance(row, dict):
        raise MtpipeError(f"{where}: {type(row).__name__} found; expected an object with gold and pred")
    for key in ("gold", "pred"):
        if key not in row:
            raise MtpipeError(f"{where}: {key!r} is missing; found {', '.join(row) or 'no keys'}")
        value = row[key]
        texts = value if key == "gold" and isinstance(value, list) and value else [value]
        if not all(isinstance(text, str | int | float) and not isinstance(text, bool) for text in texts):
            raise MtpipeError(f"{where}: {key!r} is {json.dumps(value)[:80]}; expected a text")
        row[key] = value if isinstance(value, str | list) else str(value)
    places = (row.get("options") or {}).get("float_rounding") if isinstance(row.get("options"), dict) else None
    if places is not None and not (isinstance(places, int) and 0 <= places <= 15):
        raise MtpipeError(f"{where}: options.float_rounding is {places!r}; expected a whole number from 0 to 15")
    return row


def _gold(row: dict[str, Any]) -> Gold:
    golds = [str(gold) for gold in (row["gold"] if isinstance(row["gold"], list) else [row["gold"]])]
    options = row["options"] if isinstance(row.get("options"), dict) else {}
    answers = tuple(extract(gold, "free") or gold.rpartition(r"\boxed{")[2] for gold in golds)
    return Gold(answers, rule="free", leniency=Leniency(places=options.get("float_rounding")))
