"""Judges a file of golds and answers, without a pipeline."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyarrow import ArrowInvalid

from mtpipe.errors import MtpipeError
from mtpipe.files import atomic
from mtpipe.progress import progress_bar
from mtpipe.verify.answers import Gold, judge_answers
from mtpipe.verify.compare.rules import STRICT, Rules
from mtpipe.verify.extraction import EXTRACTION_RULES, ExtractionRule, extract, last_box
from mtpipe.verify.pool import SECONDS_PER_ANSWER, Pool
from mtpipe.verify.reader.characters import with_backslashes

_SOLUTION = 200


def grade(
    source: Path,
    target: Path,
    processes: int = 2,
    seconds: float = SECONDS_PER_ANSWER,
    rule: ExtractionRule = "any",
    rules: Rules = STRICT,
) -> str:
    """Judges every row of `source` into `target`, and returns the summary, which lists the rows that are malformed.

    Raises MtpipeError if the file cannot be read, or has no row that can be judged; then nothing is written.
    """
    rows, malformed = read_rows(source)
    with progress_bar(len(rows), f"grade {source.name}", "answers") as bar, Pool(processes, seconds) as pool:
        pairs = [(_gold(row, rule, rules), row["pred"] or "") for row in rows]
        judgements = judge_answers(pairs, pool, bar.update)
    lines = [
        json.dumps(
            {**row, "correct": found.verdict == "correct", "verdict": found.verdict, "answer": found.answer},
            default=str,
        )
        for row, found in zip(rows, judgements, strict=True)
    ]
    with atomic(target) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    counts = Counter(found.verdict for found in judgements)
    share = f"{counts['correct']} of {len(rows)} correct ({counts['correct'] / len(rows):.1%})"
    others = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common() if verdict != "correct")
    summary = f"{share}; {others or 'no others'}; written to {target}"
    return "\n".join([summary, *(f"left out: {complaint}" for complaint in malformed)])


def read_rows(source: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of a file, each with `gold` and `pred`, and what is wrong with the others, by line or row."""
    rows, malformed = [], []
    for where, found in _parquet(source) if source.suffix == ".parquet" else _lines(source):
        try:
            rows.append(_row(found))
        except ValueError as error:
            malformed.append(f"{source}, {where}: {error}")
    if not rows and malformed:
        raise MtpipeError(f"{source} has no row that can be judged; {malformed[0]}")
    if not rows:
        raise MtpipeError(f'{source} has no rows; expected lines like {{"gold": "42", "pred": "\\\\boxed{{42}}"}}')
    return rows, malformed


def _lines(source: Path) -> Iterator[tuple[str, Any]]:
    try:
        text = source.read_bytes().decode("utf-8")
    except OSError as error:
        raise MtpipeError(f"{source} could not be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise MtpipeError(f"{source} is no UTF-8 text (byte {error.start})") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield f"line {number}", line


def _parquet(source: Path) -> Iterator[tuple[str, Any]]:
    try:
        rows = pq.read_table(source).to_pylist()
    except OSError as error:
        raise MtpipeError(f"{source} could not be read: {error.strerror or error}") from None
    except ArrowInvalid as error:
        raise MtpipeError(f"{source} is no Parquet file: {error}") from None
    for number, row in enumerate(rows):
        yield f"row {number}", row


def _row(found: Any) -> dict[str, Any]:
    """Raises ValueError, saying what is wrong."""
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"no JSON ({error})") from None
    if not isinstance(found, dict):
        raise ValueError(f"{type(found).__name__} found; expected an object with gold and pred")
    row = dict(found)
    for key in ("gold", "pred"):
        if key not in row:
            raise ValueError(f"{key!r} is missing; found {', '.join(row) or 'no keys'}")
        value = row[key]
        if key == "pred" and value is None:
            continue
        texts = value if key == "gold" and isinstance(value, list) and value else [value]
        if not all(isinstance(text, str | int | float) and not isinstance(text, bool) for text in texts):
            raise ValueError(f"{key!r} is {json.dumps(value, default=str)[:80]}; expected a text")
        row[key] = value if isinstance(value, str | list) else str(value)
    if row.get("rule") is not None and row["rule"] not in EXTRACTION_RULES:
        raise ValueError(f"rule is {row['rule']!r}; expected one of {', '.join(EXTRACTION_RULES)}")
    places = _places(row)
    if places is not None and not (isinstance(places, int) and 0 <= places <= 15):
        raise ValueError(f"options.float_rounding is {places!r}; expected a whole number from 0 to 15")
    return row


def _places(row: dict[str, Any]) -> Any:
    return row["options"].get("float_rounding") if isinstance(row.get("options"), dict) else None


def _gold(row: dict[str, Any], rule: ExtractionRule, rules: Rules) -> Gold:
    golds = [str(gold) for gold in (row["gold"] if isinstance(row["gold"], list) else [row["gold"]])]
    rules = replace(rules, places=_places(row))
    return Gold(tuple(map(_answer_of, golds)), rule=row.get("rule") or rule, rules=rules)


def _answer_of(gold: str) -> str:
    """The gold itself, or the answer of what is a worked solution, also if that is cut off within its box."""
    gold = with_backslashes(gold)
    if r"\boxed{" in gold and last_box(gold) is None:
        return gold.rpartition(r"\boxed{")[2]
    if r"\boxed" in gold or len(gold) > _SOLUTION or "answer" in gold.lower():
        return extract(gold, "any") or gold
    return gold
