"""Reads data sets row by row: local jsonl, parquet and arrow files, and the Hugging Face hub through `datasets`."""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from mtpipe.errors import MtpipeError
from mtpipe.settings.task import Source
from mtpipe.tasks.catalogue import KNOWN, Known, Shape, find_shape

Role = Literal["train", "benchmarks"]
SourceRow = dict[str, Any]
_BATCH = 10_000


@dataclass(frozen=True)
class Loaded:
    """A data set's rows, read as they are iterated; `origin` says what was loaded, for the record."""

    origin: dict[str, Any]
    shape: Shape
    rows: Iterator[SourceRow]


def load(source: Source, role: Role, name: str) -> Loaded:
    """Opens a source of params.yaml.

    Raises MtpipeError, with the key in params.yaml, where it cannot be read, has no rows, or has none of the
    columns that it should have.
    """
    key = f"params.yaml: task.{role}.{name}"
    if source.hub is None:
        origin: dict[str, Any] = {"files": [_shown(file) for file in source.files]}
        rows: Iterator[SourceRow] = (row for file in source.files for row in _read_file(Path(file), key))
        like = source.like
    else:
        origin, rows = _read_hub(source, role, key)
        like = source.like or (source.hub if source.hub in KNOWN else None)
    what = f"{key}: {source.hub or origin['files'][0]}"
    first = next(rows, None)
    if first is None:
        raise MtpipeError(f"{what} has no rows")
    return Loaded(origin, find_shape(like, source.columns, first, what), itertools.chain([first], rows))


def _shown(file: str) -> str:
    """Without the folders of this machine, which do not belong into a recorded result."""
    return Path(file).name if Path(file).is_absolute() else Path(file).as_posix()


def _read_file(path: Path, key: str) -> Iterator[SourceRow]:
    readers = {".jsonl": _read_jsonl, ".json": _read_jsonl, ".parquet": _read_parquet, ".arrow": _read_arrow}
    reader = readers.get(path.suffix)
    if reader is None:
        raise MtpipeError(f"{key}: {path} is none of {', '.join(readers)}")
    try:
        yield from reader(path)
    except FileNotFoundError:
        raise MtpipeError(f"{key}: {path} is missing") from None
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise MtpipeError(f"{key}: {path} is not readable: {error}") from None


def _read_jsonl(path: Path) -> Iterator[SourceRow]:
    with open(path, encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise MtpipeError(f"{path}, line {number}: no JSON ({error})") from None
            if not isinstance(row, dict):
                raise MtpipeError(f"{path}, line {number}: found {type(row).__name__}; expected an object a line")
            yield row


def _read_parquet(path: Path) -> Iterator[SourceRow]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH):
            yield from batch.to_pylist()


def _read_arrow(path: Path) -> Iterator[SourceRow]:
    """`datasets` writes the streaming format, others the file format."""
    with pa.memory_map(str(path)) as source:
        try:
            batches = iter(pa.ipc.open_stream(source))
        except pa.ArrowInvalid:
            reader = pa.ipc.open_file(source)
            batches = (reader.get_batch(index) for index in range(reader.num_record_batches))
        for batch in batches:
            yield from batch.to_pylist()


def _read_hub(source: Source, role: Role, key: str) -> tuple[dict[str, Any], Iterator[SourceRow]]:
    import datasets  # takes 1.6 seconds, and only hub sources need it

    assert source.hub is not None
    entry = KNOWN.get(source.hub, Known(Shape("", ""), ("train",)))
    split = source.split or (entry.splits[0] if role == "train" else entry.splits[-1])
    configs: list[str | None] = [*(source.configs or entry.configs)] or [None]
    parts, commits = [], []
    for config in configs:
        try:
            builder = datasets.load_dataset_builder(source.hub, config, revision=source.revision)
            builder.download_and_prepare()
            parts.append(builder.as_dataset(split=split))
            commits.append(builder.hash)
        except Exception as error:  # it raises whatever its network, file and parsing libraries do
            reason = next(iter(str(error).splitlines()), "")
            raise MtpipeError(
                f"{key}: {source.hub} (config {config}, split {split}, revision {source.revision or 'newest'}) could "
                f"not be loaded from the hub: {type(error).__name__}: {reason}\n"
                f"  Without a connection, put its files into inputs/ and name them in the hub's place: "
                f"{{file: inputs/FILE.parquet, like: {source.hub}}}"
            ) from None
    commit = _commit(commits[0])
    if source.revision is not None and _commit(source.revision) not in (None, commit):
        raise MtpipeError(
            f"{key}: {source.hub} was found at revision {commit or 'unknown'}, in a cache or folder; the pinned one is "
            f"{source.revision}"
        )
    origin = {"hub": source.hub, "config": [name for name in configs if name], "split": split, "revision": commit}
    batches = (batch for part in parts for batch in part.with_format("arrow").iter(_BATCH))
    return origin, (row for batch in batches for row in batch.to_pylist())


def _commit(hash: str | None) -> str | None:
    """The hub's commit that a builder read, which `datasets` takes for its hash; a folder's hash is no commit."""
    return hash if hash is not None and re.fullmatch(r"[0-9a-f]{40}", hash) else None
