"""Live curves: what running stages tell of their progress, on its way to MLflow.

A stage appends what it measures to data/live/IDENTITY.jsonl, a line each, and imports nothing of MLflow, which would
take seconds. One process for all stages of a `dvc repro` or `mtpipe run` sends the lines on
(`mtpipe.tracking.forwarder`); the first stage that has something to tell starts it.

The curves are for watching, and nothing depends on them. A stage that comes from DVC's cache tells nothing, so the run
they go to is tagged as live and is incomplete; publishing the complete run from the files removes it, and the lines.
Where MLflow does not work there is one warning, and training goes on without.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.owner import OWNER, Process
from mtpipe.progress import Listener
from mtpipe.tracking.identity import planned_runs
from mtpipe.tracking.metric_names import numbers

FORWARDER = "mtpipe.tracking.forwarder"
LOCK = paths.LIVE / "forwarder.lock"
"""Held by the process that forwards, so that there is one."""


def listener(arguments: Mapping[str, Any]) -> Listener | None:
    """What notes the progress of the run of the arm and seed among a stage's arguments; None if it cannot be or is off.

    It is off without Linux's /proc too, where no process could tell that the stages have ended.
    """
    named = os.environ.get(OWNER, "")
    if not {"arm", "seed"} <= arguments.keys() or not named.isdecimal() or not paths.PLANNED_RUNS.is_file():
        return None
    try:
        owner, found = Process.of(int(named)), (arguments["arm"], arguments["seed"])
        run = next((run for run in planned_runs() if (run.arm, run.seed) == found), None)
        if run is None or owner is None or _has_failed(owner):
            return None
        start_forwarder(owner)
    except (OSError, ValueError, MtpipeError) as error:
        _warn(str(error))
        return None
    return Notes(told(run.identity)).add


class Notes:
    """A run's file of what its stages tell. A line that cannot be written is the last that is tried."""

    def __init__(self, file: Path) -> None:
        self._file, self._works = file, True

    def add(self, section: str, metrics: Mapping[str, Any], step: int) -> None:
        """Appends the numbers among some metrics, with the time."""
        if not self._works:
            return
        line = {"section": section, "step": step, "time": int(time.time() * 1000), "metrics": dict(numbers(metrics))}
        try:
            with open(self._file, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            self._works = False
            _warn(str(error))


def told(identity: str) -> Path:
    """The file of what the stages of a run tell."""
    return paths.LIVE / f"{identity}.jsonl"


def forget_told() -> None:
    """Removes what stages have told: the results say it from here on."""
    for file in paths.LIVE.glob("*.jsonl"):
        file.unlink(missing_ok=True)


def fail(owner: Process, reason: str) -> None:
    """Leaves word for an owner's next stage that nothing is forwarded any more."""
    for former in paths.LIVE.glob("*.failed"):
        former.unlink(missing_ok=True)
    _failed(owner).write_text(reason, encoding="utf-8")


def _has_failed(owner: Process) -> bool:
    """Whether the forwarder has given up for this owner; the first stage that meets that says why."""
    if not _failed(owner).is_file():
        return False
    said = _failed(owner).with_suffix(".said.failed")
    try:
        said.touch(exist_ok=False)
    except FileExistsError:
        return True
    _warn(_failed(owner).read_text(encoding="utf-8"))
    return True


def _failed(owner: Process) -> Path:
    return paths.LIVE / f"{owner}.failed"


def start_forwarder(owner: Process) -> None:
    """Starts it if there is none. Of two that are started at once one ends."""
    paths.LIVE.mkdir(parents=True, exist_ok=True)
    with open(LOCK, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    quiet = subprocess.DEVNULL
    subprocess.Popen(
        [sys.executable, "-m", FORWARDER, str(owner)],
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        start_new_session=True,
    )


def _warn(reason: str) -> None:
    print(f"warning: no live curves in MLflow, training goes on without: {reason}", file=sys.stderr)
