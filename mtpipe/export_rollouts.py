"""Judged rollouts as Parquet files that the offline tools of TRL and verl read.

`datasets.load_dataset("parquet", …)` reads the pipeline's own files as they are; here they are joined and renamed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import atomic
from mtpipe.records import PROBLEMS, ROLLOUTS, VERDICTS, read_rows

TRL = pa.schema(
    [
        ("prompt", pa.string()),
        ("completion", pa.string()),
        ("label", pa.bool_()),
        ("reward", pa.float64()),
        ("problem_id", pa.string()),
        ("arm", pa.string()),
        ("seed", pa.int32()),
        ("round", pa.int32()),
        ("sample", pa.int32()),
        ("mean_temperature", pa.float64()),
    ]
)
"""TRL's unpaired preferences (KTOTrainer): `label` is whether the answer is right. SFTTrainer takes the first two."""

_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
VERL_SFT = pa.schema([("messages", _MESSAGES), ("reward", pa.float64()), ("problem_id", pa.string())])
"""verl's multi-turn SFT data set."""
VERL_RL = pa.schema(
    [
        ("data_source", pa.string()),
        ("prompt", _MESSAGES),
        ("ability", pa.string()),
        ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
        ("extra_info", pa.struct([("split", pa.string()), ("problem_id", pa.string())])),
    ]
)
"""verl's RL data set: the problems themselves."""


def export_rollouts(folder: Path, right_only: bool = False) -> dict[str, int]:
    """Writes trl.parquet, verl_sft.parquet and verl_rl.parquet into a folder, and returns the rows of each.

    Args:
        right_only: leaves out responses that were judged wrong, and so everything that is only of use with a label.

    Raises MtpipeError if nothing has been judged yet.
    """
    problems = {row["problem_id"]: row for row in read_rows(paths.TRAIN, PROBLEMS)}
    rows = [row for row in _judged(problems) if row["label"] or not right_only]
    if not rows:
        raise MtpipeError(f"{paths.DATA / 'runs'} has no judged response to write; run `dvc repro`")
    tables = {
        "trl": pa.Table.from_pylist(rows, schema=TRL),
        "verl_sft": pa.Table.from_pylist([_as_messages(row) for row in rows], schema=VERL_SFT),
        "verl_rl": pa.Table.from_pylist([_as_task(row) for row in problems.values()], schema=VERL_RL),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with atomic(folder / f"{name}.parquet") as partial:
            pq.write_table(table, partial, compression="zstd")
    return {name: table.num_rows for name, table in tables.items()}


def _judged(problems: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The responses of all rounds that have verdicts, in the order of arm, seed and round."""
    found = [(file, *_run_of(file)) for file in (paths.DATA / "runs").glob("*/seed*/round*/verdicts.parquet")]
    for file, arm, seed, round in sorted(found, key=lambda each: each[1:]):
        verdicts = {(row["problem_id"], row["sample"]): row for row in read_rows(file, VERDICTS)}
        for row in read_rows(paths.rollouts(arm, seed, round), ROLLOUTS):
            verdict = verdicts[row["problem_id"], row["sample"]]
            yield {
                "prompt": problems[row["problem_id"]]["prompt"],
                "completion": row["text"],
                "label": verdict["verdict"] == "correct",
                "reward": verdict["reward"],
                "problem_id": row["problem_id"],
                "arm": arm,
                "seed": seed,
                "round": round,
                "sample": row["sample"],
                "mean_temperature": sum(row["temperatures"]) / len(row["temperatures"]),
            }


def _run_of(file: Path) -> tuple[str, int, int]:
    arm, seed, round = file.parts[-4:-1]
    return arm, int(seed.removeprefix("seed")), int(round.removeprefix("round"))


def _as_messages(row: dict[str, Any]) -> dict[str, Any]:
    turns = (("user", row["prompt"]), ("assistant", row["completion"]))
    messages = [{"role": role, "content": content} for role, content in turns]
    return {"messages": messages, "reward": row["reward"], "problem_id": row["problem_id"]}


def _as_task(problem: dict[str, Any]) -> dict[str, Any]:
    return {
        "data_source": problem["task"],
        "prompt": [{"role": "user", "content": problem["prompt"]}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": problem["answer"]},
        "extra_info": {"split": problem["split"], "problem_id": problem["problem_id"]},
    }
