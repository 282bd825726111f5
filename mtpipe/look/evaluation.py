"""An evaluation's file as the same page: every response to the benchmarks, as text, with its verdict and the gold."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mtpipe import paths
from mtpipe.look.viewer import STEPS, Sibling, linked, write_page
from mtpipe.records import EVALUATION, PROBLEMS, read_rows


def is_evaluation(file: Path) -> bool:
    """Whether a Parquet file has an evaluation's columns; False where it cannot be read."""
    try:
        return "benchmark" in pq.read_schema(file).names
    except (OSError, pa.ArrowException):
        return False


def write_evaluation_viewer(evaluation: Path, target: Path, siblings: Sequence[Sibling] = ()) -> str:
    """Writes the page for an evaluation's file and returns a sentence about what it shows.

    An evaluation keeps no numbers of its tokens, so the page has each response as one piece, without colours. Prompts
    and right answers come from the benchmarks' files where they lie beside the evaluation.

    Raises MtpipeError if the file is missing or unreadable.
    """
    rows = read_rows(evaluation, EVALUATION)
    asked = {
        problem["problem_id"]: problem
        for name in dict.fromkeys(row["benchmark"] for row in rows)
        if (file := paths.benchmark_of(evaluation, name)).is_file()
        for problem in read_rows(file, PROBLEMS)
    }
    number = {problem: index for index, problem in enumerate(dict.fromkeys(row["problem_id"] for row in rows))}
    texts, places = np.unique([row["text"] for row in rows], return_inverse=True)
    problems = [
        [problem, asked[problem]["prompt"], asked[problem]["answer"]] if problem in asked else [problem, problem, None]
        for problem in number
    ]
    data = {
        "file": evaluation.as_posix(),
        "plain": True,
        "steps": STEPS,
        "vocabulary": [[0, str(text), 0] for text in texts],
        "ranges": {"entropy": (0.0, 1.0), "temperature": (0.9, 1.1), "surprise": (0.0, 1.0)},
        "problems": problems,
        "problem": [number[row["problem_id"]] for row in rows],
        "sample": [row["sample"] for row in rows],
        "length": [1] * len(rows),
        "tokens": [row["tokens"] for row in rows],
        "cut": [row["finish_reason"] == "length" for row in rows],
        "verdict": [row["verdict"] for row in rows],
        "answer": [row["answer"] for row in rows],
        "parts": [[]] * len(rows),
        "detail": [""] * len(rows),
        **{name: [None] * len(rows) for name in ("reward", "advantage")},
        **linked(siblings, list(number)),
    }
    nothing = np.zeros(len(rows), "<u2")
    write_page(
        target, evaluation.as_posix(), data, [places.astype("<u2" if len(texts) < 2**16 else "<u4")] + [nothing] * 3
    )
    return f"{target}: {len(rows):,} responses to {len(number):,} prompts"
