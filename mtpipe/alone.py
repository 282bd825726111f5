"""One process at a time: locks that end with their process, however it ends."""

import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from mtpipe.errors import MtpipeError

_ATTEMPTS = 10


@contextmanager
def alone(lock: Path, otherwise: str, waits: bool = False) -> Iterator[None]:
    """Holds a lock.

    Args:
        lock: a file that says which process holds it.
        otherwise: what it means if another process holds it, for the error.
        waits: for the other process to end, and says so on stderr, instead of raising.

    Raises MtpipeError if another process holds it, and OSError if the file cannot be made.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "a+", encoding="utf-8") as file:
        if not take(file):
            file.seek(0)
            found = f"{otherwise} ({file.read().strip() or 'by a process that just started'})"
            if not waits:
                raise MtpipeError(found)
            print(f"{found}; waiting for it to end", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def take(file: IO[str]) -> bool:
    """Takes the lock of an open file; False if another process has it. `holder` has it for a moment."""
    for _ in range(_ATTEMPTS):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.02)
    return False


def holder(lock: Path) -> str | None:
    """Which process holds a lock, in its own words; None if none does."""
    with suppress(FileNotFoundError), open(lock, encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip() or "a process that just started"
    return None
