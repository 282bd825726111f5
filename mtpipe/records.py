"""The rows that pass between stages, as Parquet tables with fixed columns.

In `ROLLOUTS`, entry j of `behaviour_logprobs`, `temperatures` and `entropies` belongs to the same token,
`response_ids[j]`: the log-probability (nats) it was sampled with, the temperature it was sampled at, and the
untempered entropy (nats) of the distribution it was drawn from. `base_temperature` is the response's own, which its
tokens' temperatures follow from. `mask_sizes` and `mask_ids` hold what truncation left to draw from, as
`mtpipe.temperature.masks.Masks` describes; both are empty where nothing is cut.
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mtpipe.errors import MtpipeError
from mtpipe.files import atomic

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
ROLLOUTS = pa.schema(
    [
        ("problem_id", pa.string()),
        ("sample", pa.int32()),
        ("base_temperature", pa.float64()),
        ("prompt_ids", pa.list_(pa.int32())),
        ("response_ids", pa.list_(pa.int32())),
        ("text", pa.string()),
        ("behaviour_logprobs", pa.list_(pa.float32())),
        ("temperatures", pa.list_(pa.float32())),
        ("entropies", pa.list_(pa.float32())),
        ("mask_sizes", pa.list_(pa.int32())),
        ("mask_ids", pa.list_(pa.int32())),
        ("finish_reason", pa.string()),
    ]
)
VERDICTS = pa.schema(
    [
        ("problem_id", pa.string()),
        ("sample", pa.int32()),
        ("reward", pa.float64()),
        ("verdict", pa.string()),
        ("answer", pa.string()),
        ("detail", pa.string()),
    ]
)
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


_CONTROLLER = b"controller"


def write_rows(
    target: Path, rows: list[dict[str, Any]], schema: pa.Schema, controller: dict[str, Any] | None = None
) -> None:
    """Writes rows as one Parquet file, atomically; with a controller's state, in the file's own metadata."""
    table = pa.Table.from_pylist(rows, schema=schema)
    if controller:
        table = table.replace_schema_metadata({_CONTROLLER: json.dumps(controller, allow_nan=False)})
    with atomic(target) as partial:
        pq.write_table(table, partial, compression="zstd")


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Reads a Parquet file with exactly the schema's columns.

    Raises MtpipeError where the file is missing, unreadable (truncated, say), without rows, or where a column
    is missing or of another type.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise MtpipeError(f"{path} is missing; `dvc repro` makes it") from None
    except (pa.ArrowException, OSError) as error:
        raise MtpipeError(f"{path} is not readable as Parquet ({error}); delete it and run `dvc repro`") from None
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise MtpipeError(f"{path} has no column {missing[0]!r}; expected {', '.join(schema.names)}")
    table = table.select(schema.names)
    for name in schema.names:
        found, expected = table.schema.field(name).type, schema.field(name).type
        if found != expected:
            raise MtpipeError(f"{path}: column {name!r} holds {found}; expected {expected}")
    if table.num_rows == 0:
        raise MtpipeError(f"{path} has no rows; delete it and run `dvc repro`")
    return table


def read_controller(path: Path) -> dict[str, Any]:
    """The state of the controller that a round was sampled with; empty where no controller was."""
    metadata = pq.read_schema(path).metadata or {}
    return json.loads(metadata[_CONTROLLER]) if _CONTROLLER in metadata else {}


def read_rows(path: Path, schema: pa.Schema) -> list[dict[str, Any]]:
    """The rows of `read_table` as dicts."""
    return read_table(path, schema).to_pylist()
