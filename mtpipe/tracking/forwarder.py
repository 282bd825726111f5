"""Sends to MLflow what running stages tell; `mtpipe.tracking.live` starts it.

    python -m mtpipe.tracking.forwarder OWNER

It lives as long as the process that the stages have in common. It can be killed at any moment: the
lines stay, MLflow says which of them it has, and the next stage starts another one.
"""

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.owner import Process
from mtpipe.settings.base import read_section
from mtpipe.settings.outputs import Tracking
from mtpipe.tracking.identity import planned_runs
from mtpipe.tracking.live import LOCK, fail

if TYPE_CHECKING:
    from mtpipe.tracking.live_run import LiveRun

SECONDS_BETWEEN_BATCHES = 15.0
IDLE_SECONDS = 3600.0
_SECONDS_BETWEEN_LOOKS = 1.0


def main() -> None:
    """Forwards until the owner ends, or after an idle hour; ends at once beside another one.

    What does not work is said by the owner's next stage.
    """
    owner = Process.read(sys.argv[1])
    _make_way()
    with open(LOCK, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        try:
            Forwarder(read_section("tracking", Tracking)).serve(owner)
        except Exception as error:
            with suppress(OSError):
                fail(owner, str(error) if isinstance(error, MtpipeError) else f"{type(error).__name__}: {error}")


def _make_way() -> None:
    """Leaves the processor to the stages: curves can wait, and MLflow takes seconds to start."""
    os.nice(19)
    if os.getsid(0) == os.getpid():  # where the kernel groups by session, its own weighs as much as the stages'
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text("19", encoding="utf-8")


@dataclass
class Forwarder:
    """The lines of all runs on their way to one experiment.

    Attributes:
        tracking: where MLflow is, as params.yaml said when the forwarder began.
        sizes: bytes that each file of lines had when it was forwarded last.
        runs: the live runs that were sent to, by identity.
    """

    tracking: Tracking
    sizes: dict[Path, int] = field(default_factory=dict)
    runs: "dict[str, LiveRun]" = field(default_factory=dict)

    def serve(self, owner: Process) -> None:
        """Forwards what is new, every few seconds, and a last time when the owner has ended.

        Raises MtpipeError if MLflow does not work.
        """
        last_new = last_sent = time.monotonic()
        while owner.is_alive() and time.monotonic() - last_new < IDLE_SECONDS:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            if time.monotonic() - last_sent >= SECONDS_BETWEEN_BATCHES:
                last_sent = time.monotonic()
                last_new = last_sent if self.forward() else last_new
        self.forward()
        self.leave()

    def forward(self) -> bool:
        """Sends what MLflow lacks of the lines that are there; False if there is nothing new."""
        if not any(self._new()):
            return False
        from mtpipe.tracking.live_run import LiveRun, read_points
        from mtpipe.tracking.store import open_experiment

        with open_experiment(self.tracking) as (client, experiment):
            # Here, because a publisher that was waited for has taken away the lines of runs that are complete now.
            for file, size in self._new():
                planned = next((run for run in planned_runs() if run.identity == file.stem), None)
                if planned is not None:
                    run = self.runs.setdefault(planned.identity, LiveRun(planned))
                    run.send(client, experiment, read_points(file))
                self.sizes[file] = size
        return True

    def leave(self) -> None:
        """Marks the runs that nobody has completed as killed: no stage is there that would go on with them."""
        if self.runs:
            from mtpipe.tracking.store import open_experiment

            with open_experiment(self.tracking) as (client, _):
                for run in self.runs.values():
                    run.leave(client)

    def _new(self) -> Iterator[tuple[Path, int]]:
        for file in sorted(paths.LIVE.glob("*.jsonl")):
            with suppress(FileNotFoundError):
                if (size := file.stat().st_size) != self.sizes.get(file):
                    yield file, size


if __name__ == "__main__":
    main()
