"""What every stage script shares: its arguments, one run at a time, readable errors, and its clock."""

import argparse
import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mtpipe import paths
from mtpipe.errors import MtpipeError


def run_stage(main: Callable[..., None], **arguments: type) -> None:
    """Runs a stage's `main` with its command-line arguments, each required and named after a parameter.

    An MtpipeError is printed without a traceback and ends the process with status 1. A second run of the same
    stage waits for the first, should one be left over from a killed `dvc repro`. The clock goes to an untracked
    file beside the data, because a duration in an output would change its hash from run to run.
    """
    stage = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(prog=f"python -m stages.{stage}", description=main.__doc__)
    for name, kind in arguments.items():
        parser.add_argument(f"--{name}", type=kind, required=True)
    values = vars(parser.parse_args())
    name = "-".join([stage, *map(str, values.values())])
    if "TORCHELASTIC_RUN_ID" in os.environ:  # one of an update's processes; the stage that started them has the lock
        main(**values)
        return
    try:
        with _alone(name):
            started = time.time()
            main(**values)
            _write_clock(name, started)
    except MtpipeError as error:
        sys.exit(f"error in stage {name}: {error}")


@contextmanager
def _alone(name: str) -> Iterator[None]:
    paths.LOCKS.mkdir(parents=True, exist_ok=True)
    with open(paths.LOCKS / name, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{name} is still running from an earlier start; waiting for it to end", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write_clock(name: str, started: float) -> None:
    paths.CLOCK.mkdir(parents=True, exist_ok=True)
    clock = {"started": started, "seconds": time.time() - started}
    (paths.CLOCK / f"{name}.json").write_text(json.dumps(clock) + "\n")
