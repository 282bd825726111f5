"""A rollouts file as one HTML page that shows every response token by token: `python -m mtpipe look`.

The page holds its data as base64 of gzip: the rows' texts as JSON, and eight bytes a token: its place in the list of
used tokens, and entropy, temperature and -log-prob in steps of 1/2000 (up to 32.767). No text of a model is ever part
of the markup; the script shows it by textContent alone.
"""

import base64
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import write_text
from mtpipe.measure.temperature_shares import standardised
from mtpipe.model.token_texts import TokenTexts
from mtpipe.records import PROBLEMS, ROLLOUTS, VERDICTS, read_rows, read_table
from mtpipe.report.html import render

STEPS = 2000
MOST_TOKENS = 4_000_000


class Sibling(NamedTuple):
    """Another page in the same folder: what a link to it says, its address, and the problems that it has."""

    name: str
    page: str
    problems: frozenset[str]


def write_viewer(
    rollouts: Path,
    target: Path,
    tokenizer: Path | None = None,
    siblings: Sequence[Sibling] = (),
    most_tokens: int | None = None,
) -> str:
    """Writes the page for a rollouts file and returns a sentence about what it shows.

    Verdicts are joined where verdicts.parquet lies beside the file, right answers where the file belongs to a run.
    Prompts are left out from the end where the tokens are more than `most_tokens`.

    Args:
        tokenizer: the tokenizer.json; None takes that of the policy folder beside the file.
        siblings: pages in the same folder, which a prompt links to where they have it too.
        most_tokens: None takes MOST_TOKENS, which a browser holds with ease.

    Raises MtpipeError if a file is missing or unreadable, or the lists of a response differ in length.
    """
    table = _within_limit(read_table(rollouts, ROLLOUTS), most_tokens or MOST_TOKENS)
    tokens, quantities = _tokens(table, rollouts)
    used, places = np.unique(tokens, return_inverse=True)
    texts = TokenTexts(tokenizer or paths.tokenizer_of(rollouts))
    data = {
        "file": rollouts.as_posix(),
        "steps": STEPS,
        "vocabulary": [[int(token), *texts.of(int(token))] for token in used],
        "ranges": {name: _range(name, values) for name, values in quantities.items()},
        **_rows(table, rollouts, texts),
    }
    data |= linked(siblings, [problem for problem, *_ in data["problems"]])
    columns = [places.astype("<u2" if len(used) < 2**16 else "<u4")]
    columns += [np.clip(np.rint(values * STEPS), 0, 2**16 - 1).astype("<u2") for values in quantities.values()]
    title = rollouts.parent.as_posix() if rollouts.stem == "rollouts" else rollouts.as_posix()
    write_page(target, title, data, columns)
    return f"{target}: {table.num_rows:,} responses to {len(data['problems']):,} prompts, {len(tokens):,} tokens"


def write_page(target: Path, title: str, data: dict[str, Any], columns: list[NDArray[Any]]) -> None:
    """The page of these rows: `columns` has the place in the list of used tokens, and the three quantities."""
    page = render(
        "mtpipe.look",
        "viewer",
        title=title,
        plain=data.get("plain", False),
        rows=_packed(json.dumps(data, ensure_ascii=False, allow_nan=False).encode()),
        tokens=_packed(b"".join(column.tobytes() for column in columns)),
    )
    write_text(target, page)


def linked(siblings: Sequence[Sibling], problems: list[str]) -> dict[str, Any]:
    """The siblings' names and addresses, and for each problem the numbers of those that have it."""
    return {
        "siblings": [[sibling.name, sibling.page] for sibling in siblings],
        "also": [[n for n, sibling in enumerate(siblings) if problem in sibling.problems] for problem in problems],
    }


def _within_limit(table: pa.Table, most_tokens: int) -> pa.Table:
    """The first rows whose tokens stay within the limit, whole groups, one group at least."""
    ends = np.cumsum(table["response_ids"].combine_chunks().value_lengths().to_numpy(zero_copy_only=False))
    if ends[-1] <= most_tokens:
        return table
    ids = table["problem_id"].to_pylist()
    starts = [row for row in range(len(ids)) if row == 0 or ids[row] != ids[row - 1]] + [len(ids)]
    fitting = [start for start in starts[1:] if ends[start - 1] <= most_tokens]
    return table.slice(0, fitting[-1] if fitting else starts[1])


def _tokens(table: pa.Table, source: Path) -> tuple[NDArray[np.int32], dict[str, NDArray[np.float64]]]:
    """All tokens one after another, and their entropy (nats), temperature and -log-prob (nats)."""
    lists = {
        name: table[name].combine_chunks()
        for name in ("response_ids", "entropies", "temperatures", "behaviour_logprobs")
    }
    lengths = {name: found.value_lengths().to_numpy(zero_copy_only=False) for name, found in lists.items()}
    for name, found in lengths.items():
        if (found != lengths["response_ids"]).any():
            row = int(np.argmax(found != lengths["response_ids"]))
            raise MtpipeError(
                f"{source}, row {row}: {name} has {found[row]} entries for {lengths['response_ids'][row]} tokens; "
                f"delete the file and run `dvc repro`"
            )
    flat = {name: found.flatten().to_numpy(zero_copy_only=False) for name, found in lists.items()}
    quantities = {
        "entropy": flat["entropies"].astype(np.float64),
        "temperature": flat["temperatures"].astype(np.float64),
        "surprise": -flat["behaviour_logprobs"].astype(np.float64),
    }
    return flat["response_ids"], quantities


def _range(name: str, values: NDArray[np.float64]) -> tuple[float, float]:
    """What the colours span: temperatures as far below 1 as above it, else from 0 up to all but the largest 0.5 %."""
    if name == "temperature":
        reach = max(0.05, float(np.abs(values - 1).max()))
        return 1 - reach, 1 + reach
    return 0.0, max(0.05, float(np.quantile(values, 0.995)))


def _rows(table: pa.Table, source: Path, texts: TokenTexts) -> dict[str, Any]:
    """The prompts, and a list for each column of the responses."""
    ids, samples = table["problem_id"].to_pylist(), table["sample"].to_pylist()
    first = {problem: row for row, problem in reversed(list(enumerate(ids)))}
    number = {problem: index for index, problem in enumerate(dict.fromkeys(ids))}
    prompts = table["prompt_ids"].take([first[problem] for problem in number]).to_pylist()
    beside = source.with_name("verdicts.parquet")
    judged = {}
    if beside.is_file():
        judged = {(row["problem_id"], row["sample"]): row for row in read_rows(beside, VERDICTS)}
    found = [judged.get(key, {}) for key in zip(ids, samples, strict=True)]
    gold = gold_answers(paths.problems_of(source))
    return {
        "problems": [
            [problem, texts.prompt(prompt), gold.get(problem)] for problem, prompt in zip(number, prompts, strict=True)
        ],
        "problem": [number[problem] for problem in ids],
        "sample": samples,
        "length": table["response_ids"].combine_chunks().value_lengths().to_pylist(),
        "cut": [reason == "length" for reason in table["finish_reason"].to_pylist()],
        "reward": [row.get("reward") for row in found],
        "advantage": _advantages(found, [number[problem] for problem in ids]),
        "answer": [row.get("answer", "") for row in found],
        "parts": [row.get("parts") or [] for row in found],
        "verdict": [row.get("verdict", "") for row in found],
        "detail": [row.get("detail", "") for row in found],
    }


def _advantages(judged: list[dict[str, Any]], group: list[int]) -> list[float | None]:
    """GRPO's advantages, None where a response was not judged or teaches nothing."""
    rewards = np.array([row.get("reward", np.nan) for row in judged])
    if np.isnan(rewards).any():
        return [None] * len(judged)
    found = standardised(rewards, np.array(group)).tolist()
    return [None if row["masked"] else round(value, 3) for row, value in zip(judged, found, strict=True)]


def gold_answers(problems: Path | None) -> dict[str, str]:
    """The right answer of each problem of a file; nothing where there is none."""
    if problems is None or not problems.is_file():
        return {}
    return {row["problem_id"]: row["answer"] for row in read_rows(problems, PROBLEMS)}


def _packed(found: bytes) -> str:
    """No clock goes into the gzip header, so the same file gives the same page."""
    return base64.b64encode(gzip.compress(found, mtime=0)).decode()
