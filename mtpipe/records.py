"""The rows that pass between stages, as Parquet tables with fixed columns.

A response is a `Rollout` from the engine that samples it to the loss that learns from it; `ROLLOUTS` are its columns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mtpipe.errors import MtpipeError
from mtpipe.files import atomic, bring_back

_TYPES = {
    "str": pa.string(),
    "int": pa.int32(),
    "float": pa.float64(),
    "list[int]": pa.list_(pa.int32()),
    "list[float]": pa.list_(pa.float32()),
}


NOT_EVEN = -1
"""In the place of a position: no token was drawn evenly."""


@dataclass
class Rollout:
    """A sampled response. Entry j of `response_ids` and of each list of floats belongs to the same token.

    Attributes:
        sample: the response's index in its group.
        base_temperature: the response's own, which its tokens' temperatures follow from.
        text: the response as text; empty as an engine returns it.
        behaviour_logprobs: log-probs (nats) of the tokens under the distributions that they were drawn from.
        temperatures: what the logits of each token were divided by.
        entropies: of the untempered distributions (nats).
        mask_sizes, mask_ids: what truncation left to draw from (`mtpipe.temperature.masks.Masks`); both are empty if
            nothing was cut, or no masks were asked for.
        even_from: from this position on each token was drawn evenly among what its mask kept (Mixed-CUTS), for which
            its temperature counted only in what was kept; NOT_EVEN for none.
        finish_reason: "stop" after a stop token or a stop string, which is kept, else "length".
    """

    problem_id: str
    sample: int
    base_temperature: float
    prompt_ids: list[int]
    response_ids: list[int] = field(default_factory=list)
    text: str = ""
    behaviour_logprobs: list[float] = field(default_factory=list)
    temperatures: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    mask_sizes: list[int] = field(default_factory=list)
    mask_ids: list[int] = field(default_factory=list)
    finish_reason: str = "length"
    even_from: int = NOT_EVEN

    @property
    def even(self) -> list[bool]:
        """Which tokens were drawn evenly."""
        return [self.even_from != NOT_EVEN and place >= self.even_from for place in range(len(self.response_ids))]

    def __len__(self) -> int:
        """Tokens of prompt and response."""
        return len(self.prompt_ids) + len(self.response_ids)


def schema_of(carrier: type) -> pa.Schema:
    """The Parquet columns of a dataclass, from its fields' types."""
    return pa.schema([(column.name, _TYPES[str(column.type)]) for column in fields(carrier)])


_PAIRS = pa.list_(pa.struct([("name", pa.string()), ("value", pa.float64())]))
"""Numbers by name. Not a map, which Hugging Face's `datasets` does not read."""

PROBLEMS = pa.schema(
    [
        ("problem_id", pa.string()),
        ("task", pa.string()),
        ("split", pa.string()),
        ("prompt", pa.string()),
        ("answer", pa.string()),
        ("meta", pa.string()),
    ]
)
EXAMPLES = pa.schema([("problem_id", pa.string()), ("prompt", pa.string()), ("response", pa.string())])
ROLLOUTS = schema_of(Rollout)
VERDICTS = pa.schema(
    [
        ("problem_id", pa.string()),
        ("sample", pa.int32()),
        ("reward", pa.float64()),
        ("parts", _PAIRS),
        ("masked", pa.bool_()),
        ("verdict", pa.string()),
        ("score", pa.float64()),
        ("answer", pa.string()),
        ("detail", pa.string()),
    ]
)
"""`parts` has the value of each part of the reward before weighting; a `masked` response teaches nothing."""
EVALUATION = pa.schema(
    [
        ("benchmark", pa.string()),
        ("problem_id", pa.string()),
        ("sample", pa.int32()),
        ("correct", pa.bool_()),
        ("verdict", pa.string()),
        ("answer", pa.string()),
        ("tokens", pa.int32()),
        ("finish_reason", pa.string()),
        ("text", pa.string()),
    ]
)


_ROUND = b"round"


@dataclass(frozen=True)
class SampledRound:
    """What was settled when a round was sampled; it stands in the metadata of the rollouts' file.

    Attributes:
        controller: the state of the arm's controller; empty if it has none.
        threshold: the entropy (nats) that divides the round's tokens; None for rules without such a number.
    """

    controller: dict[str, Any] = field(default_factory=dict)
    threshold: float | None = None


def write_rows(target: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Writes rows as one Parquet file, atomically; numbers by name are given as a dict."""
    for column in _pairs(schema):
        rows = [{**row, column: _named(row.get(column))} for row in rows]
    _write_table(target, pa.Table.from_pylist(rows, schema=schema))


def write_rollouts(target: Path, rollouts: list[Rollout], settled: SampledRound = SampledRound()) -> None:
    """Writes a round's rollouts as one Parquet file, atomically."""
    table = pa.Table.from_pylist([vars(rollout) for rollout in rollouts], schema=ROLLOUTS)
    _write_table(target, table.replace_schema_metadata({_ROUND: json.dumps(vars(settled), allow_nan=False)}))


def _write_table(target: Path, table: pa.Table) -> None:
    with atomic(target) as partial:
        pq.write_table(table, partial, compression="zstd")


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Reads a Parquet file with exactly the schema's columns.

    Raises MtpipeError if the file is missing, unreadable (truncated, say), without rows, or if a column
    is missing or of another type.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise MtpipeError(f"{path} is missing; `dvc repro` makes it") from None
    except (pa.ArrowException, OSError) as error:
        raise MtpipeError(f"{path} is not readable as Parquet ({error}); {bring_back(path)}") from None
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise MtpipeError(f"{path} has no column {missing[0]!r}; expected {', '.join(schema.names)}")
    table = table.select(schema.names)
    for name in schema.names:
        found, expected = table.schema.field(name).type, schema.field(name).type
        if found != expected:
            raise MtpipeError(f"{path}: column {name!r} holds {found}; expected {expected}")
    if table.num_rows == 0:
        raise MtpipeError(f"{path} has no rows; {bring_back(path)}")
    return table


def read_sampled_round(path: Path) -> SampledRound:
    """What was settled when a round was sampled, from its rollouts' file."""
    metadata = pq.read_schema(path).metadata or {}
    return SampledRound(**json.loads(metadata[_ROUND])) if _ROUND in metadata else SampledRound()


def read_rollouts(path: Path) -> list[Rollout]:
    """A round's rollouts; raises MtpipeError as `read_table` does."""
    return [Rollout(**row) for row in read_table(path, ROLLOUTS).to_pylist()]


def read_rows(path: Path, schema: pa.Schema) -> list[dict[str, Any]]:
    """The rows of `read_table` as dicts; numbers by name are a list of (name, value)."""
    rows: list[dict[str, Any]] = read_table(path, schema).to_pylist()
    for column in _pairs(schema):
        for row in rows:
            if row[column] is not None:
                row[column] = [(each["name"], each["value"]) for each in row[column]]
    return rows


def _pairs(schema: pa.Schema) -> list[str]:
    """The columns that hold numbers by name."""
    return [name for name in schema.names if schema.field(name).type == _PAIRS]


def _named(values: Any) -> list[dict[str, Any]] | None:
    return None if values is None else [{"name": name, "value": value} for name, value in dict(values).items()]
