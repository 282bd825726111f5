"""A rollouts file as one HTML page that shows every response token by token: `python -m mtpipe look`.

The page holds its data as base64 of gzip: the rows' texts as JSON, and eight bytes a token: its place in the list of
used tokens, and entropy, temperature and -log-prob in steps of 1/2000 (up to 32.767). No text of a model is ever part
of the markup; the script shows it by textContent alone.
"""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers import Tokenizer

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import write_text
from mtpipe.records import ROLLOUTS, VERDICTS, read_rows, read_table
from mtpipe.report.html import render

STEPS = 2000
MOST_TOKENS = 4_000_000
_CONTROL = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}


def write_viewer(rollouts: Path, target: Path, tokenizer: Path | None = None) -> str:
    """Writes the page for a rollouts file and returns a sentence about what it shows.

    Verdicts are joined where verdicts.parquet lies beside the file. Prompts are left out from the end where the tokens
    are more than MOST_TOKENS, which a browser holds with ease.

    Args:
        tokenizer: the tokenizer.json; None takes that of the policy folder beside the file.

    Raises MtpipeError if a file is missing or unreadable, or the lists of a response differ in length.
    """
    table = _within_limit(read_table(rollouts, ROLLOUTS))
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
    columns = [places.astype("<u2" if len(used) < 2**16 else "<u4")]
    columns += [np.clip(np.rint(values * STEPS), 0, 2**16 - 1).astype("<u2") for values in quantities.values()]
    page = render(
        "mtpipe.look",
        "viewer",
        title=rollouts.parent.as_posix() if rollouts.stem == "rollouts" else rollouts.as_posix(),
        rows=_packed(json.dumps(data, ensure_ascii=False, allow_nan=False).encode()),
        tokens=_packed(b"".join(column.tobytes() for column in columns)),
    )
    write_text(target, page)
    return f"{target}: {table.num_rows:,} responses to {len(data['problems']):,} prompts, {len(tokens):,} tokens"


def _within_limit(table: pa.Table) -> pa.Table:
    """The first rows whose tokens stay within MOST_TOKENS, whole groups, one group at least."""
    ends = np.cumsum(table["response_ids"].combine_chunks().value_lengths().to_numpy(zero_copy_only=False))
    if ends[-1] <= MOST_TOKENS:
        return table
    ids = table["problem_id"].to_pylist()
    starts = [row for row in range(len(ids)) if row == 0 or ids[row] != ids[row - 1]] + [len(ids)]
    fitting = [start for start in starts[1:] if ends[start - 1] <= MOST_TOKENS]
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
    """What the colours span: a temperature's whole range, else from 0 up to all but the largest 0.5 %."""
    if name == "temperature":
        return float(values.min()), float(values.max())
    return 0.0, max(0.05, float(np.quantile(values, 0.995)))


def _rows(table: pa.Table, source: Path, texts: "TokenTexts") -> dict[str, Any]:
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
    return {
        "problems": [[problem, texts.prompt(prompt)] for problem, prompt in zip(number, prompts, strict=True)],
        "problem": [number[problem] for problem in ids],
        "sample": samples,
        "length": table["response_ids"].combine_chunks().value_lengths().to_pylist(),
        "cut": [reason == "length" for reason in table["finish_reason"].to_pylist()],
        "reward": [row.get("reward") for row in found],
        "parts": [row.get("parts") or [] for row in found],
        "verdict": [row.get("verdict", "") for row in found],
        "detail": [row.get("detail", "") for row in found],
    }


class TokenTexts:
    """Token ids as text, from a tokenizer.json."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise MtpipeError(f"{path} is missing; name the policy's tokenizer.json with --tokenizer")
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing more particular
            raise MtpipeError(f"{path} is not readable as a tokenizer: {error}") from None
        self._special = {id for id, token in self._tokenizer.get_added_tokens_decoder().items() if token.special}

    def of(self, token: int) -> tuple[str, int]:
        """A token's text, and 1 for a special one. Part of a character that takes several tokens reads as U+FFFD."""
        text = self._tokenizer.decode([token], skip_special_tokens=False)
        raw = self._tokenizer.id_to_token(token) or ""
        if raw.startswith("▁") and not text.startswith(" "):  # SentencePiece drops a first token's space
            text = " " + text
        return (text or raw).translate(_CONTROL), int(token in self._special)

    def prompt(self, tokens: list[int]) -> str:
        return self._tokenizer.decode(tokens, skip_special_tokens=False).translate(_CONTROL)


def _packed(found: bytes) -> str:
    """No clock goes into the gzip header, so the same file gives the same page."""
    return base64.b64encode(gzip.compress(found, mtime=0)).decode()
