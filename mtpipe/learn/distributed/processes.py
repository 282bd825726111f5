"""Starts the update's processes by torchrun's launcher, and joins them: all end together, with one message.

With `update.processes` above 1 the stage starts that many copies of itself on this machine and waits. On several
machines the command in MTPIPE_TORCHRUN starts them instead (docs/cluster.md).
"""

import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from mtpipe import paths
from mtpipe.devices import is_rank
from mtpipe.errors import MtpipeError
from mtpipe.learn.distributed.ranks import ALONE, Ranks, SharedRanks
from mtpipe.run_log import others_inherit

COMMAND = "MTPIPE_TORCHRUN"
_LAUNCHER = "MTPIPE_LAUNCHER"
_FAILURE = "MTPIPE_FAILURE"
"""The file for the message of the process that fails first; the others fail as a consequence and write nothing."""


def start_all(count: int, stage: str, **arguments: object) -> bool:
    """Runs the stage as `count` processes and waits for them; False if this process is to do the work itself.

    That is so if one process is asked for, and in each of the processes that were started.
    Raises MtpipeError with the message of the first that fails, after all have ended.
    """
    if count == 1 or is_rank():
        return False
    start(count, stage, [part for name, value in arguments.items() for part in (f"--{name}", str(value))])
    return True


def start(count: int, stage: str, arguments: list[str]) -> None:
    """Runs `python -m stage arguments` as `count` processes that know of each other, and waits for them.

    Raises MtpipeError with the message of the first that fails, after all have ended.
    """
    paths.LOCKS.mkdir(parents=True, exist_ok=True)
    failure = (paths.LOCKS / f"{uuid.uuid4().hex}.failure").resolve()
    worker = ["-m", stage, *arguments]
    os.environ[_FAILURE] = str(failure)
    try:
        if command := os.environ.get(COMMAND):
            with others_inherit():
                ended = subprocess.run([*shlex.split(command), *worker], check=False)
            if ended.returncode:
                raise MtpipeError(_message(failure) or f"{COMMAND} ended with status {ended.returncode}: {command}")
            return
        os.environ[_LAUNCHER] = str(os.getpid())
        logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            max_restarts=0,
            local_addr="localhost",
        )
        try:
            with others_inherit():
                elastic_launch(config, sys.executable)(*worker)
        except ChildFailedError as error:
            raise MtpipeError(_message(failure) or _died(error)) from None
    finally:
        failure.unlink(missing_ok=True)
        os.environ.pop(_FAILURE)
        os.environ.pop(_LAUNCHER, None)


@contextmanager
def joined(count: int, device: str) -> Iterator[Ranks]:
    """This process's place among the `count` that `start` started, or alone.

    Whatever is raised inside ends all of them: it is left as a message for `start`, and this process exits at once.
    """
    if not is_rank():
        yield ALONE
        return
    _end_with_launcher()
    try:
        found = int(os.environ["WORLD_SIZE"])
        if found != count:
            raise MtpipeError(f"params.yaml: update.processes is {count}, but {found} were started; see {COMMAND}")
        if device == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        # A rank may wait for another that scores a long batch, or writes the checkpoint.
        dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=timedelta(minutes=30))
        yield SharedRanks(device)
        dist.barrier()
        dist.destroy_process_group()
    except BaseException as error:
        _leave(error)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


def _leave(error: BaseException) -> None:
    """Writes the message where no other process has; a defect's traceback goes to standard error as well."""
    rank = os.environ["RANK"]
    known = isinstance(error, MtpipeError)
    text = str(error) if known else f"process {rank} of the update failed: {type(error).__name__}: {error}"
    file = Path(os.environ[_FAILURE])
    if not known:
        time.sleep(1.0)  # a broken connection is noticed at once, by all; its cause may still be on its way
    with suppress(FileExistsError), open(file, "x", encoding="utf-8") as target:
        target.write(text)
        if not known:
            traceback.print_exception(error)


def _message(failure: Path) -> str | None:
    return failure.read_text(encoding="utf-8") if failure.is_file() else None


def _died(error: ChildFailedError) -> str:
    rank, first = error.get_first_failure()
    if first.exitcode < 0:
        name = signal.Signals(-first.exitcode).name
        return f"process {rank} of the update was killed ({name}); if memory ran out, raise update.processes"
    return f"process {rank} of the update ended with status {first.exitcode}"


def _end_with_launcher() -> None:
    """A killed stage cannot end its processes any more, so each looks after itself, from its first moment on."""
    launcher = int(os.environ.get(_LAUNCHER, os.getppid()))

    def watch() -> None:
        while os.getppid() == launcher:
            time.sleep(1.0)
        os._exit(137)

    threading.Thread(target=watch, daemon=True).start()
