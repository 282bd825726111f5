"""Which run of MLflow the results of an arm and seed belong to, and what `plan` leaves of it for live curves.

Every stage loads this file, so it loads no settings.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mtpipe import paths
from mtpipe.files import read_json, write_json
from mtpipe.tracking.colours import run_colour
from mtpipe.tracking.description import describe_temperatures

if TYPE_CHECKING:
    from mtpipe.params import Params

IDENTITY = "mtpipe.identity"
"""The tag of runs that has it."""
SHAPES_TRAINING = ("task", "model", "warm_start", "sampling", "reward", "update")
"""Sections whose settings make another run; of `temperature` it is the arm's part."""


def identity(params: Params, arm: str, seed: int) -> str:
    """Which run it is: a digest of arm, seed and the settings that shape training, but not of the number of rounds."""
    sections = {name: getattr(params, name).model_dump(mode="json") for name in SHAPES_TRAINING}
    return digest([arm, seed, params.temperature[arm].model_dump(mode="json"), sections])


def digest(value: Any) -> str:
    """64 bits: enough for the runs of one project, and short enough to be shown among the tags."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class PlannedRun:
    """A run before it has results: what MLflow shows of it while it is trained."""

    arm: str
    seed: int
    identity: str
    colour: str
    temperature: str


def write_planned_runs(params: Params) -> None:
    """Writes the runs of params.yaml, and whether their curves are live, into a file that no stage depends on."""
    runs = [
        PlannedRun(
            arm,
            seed,
            identity(params, arm, seed),
            run_colour(params.arms, arm, params.seeds, seed),
            describe_temperatures(params.temperature[arm].model_dump(mode="json", exclude_none=True)),
        )
        for arm in params.arms
        for seed in params.seeds
    ]
    write_json(paths.PLANNED_RUNS, {"live": params.tracking.live, "runs": [asdict(run) for run in runs]})


def planned_runs() -> list[PlannedRun]:
    """The runs of the plan, if they are to be watched while they are trained: params.yaml takes long to read.

    Raises MtpipeError if there is no plan.
    """
    found = read_json(paths.PLANNED_RUNS)
    return [PlannedRun(**run) for run in found["runs"]] if found["live"] else []
