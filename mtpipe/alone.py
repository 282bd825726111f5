"""One process at a time: locks that end with their process, however it ends."""

import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mtpipe.errors import MtpipeError


@contextmanager
def alone(lock: Path, otherwise: str, waits: bool = False) -> Iterator[None]:
    """Holds a lock.

    Args:
        lock: a file that says which process holds it.
        otherwise: what it means if another process holds it, for the error.
        waits: for the other process to end, and says so on stderr, instead of raising.

    Raises MtpipeError if another process holds it, and if the file cannot be made.
    """
    with _opened(lock) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            found = f"{otherwise} ({file.read().strip() or 'by a process that just started'})"
            if not waits:
                raise MtpipeError(found) from None
            print(f"{found}; waiting for it to end", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def holder(lock: Path) -> str | None:
    """Which process holds a lock, in its own words; None if none does."""
    if not lock.exists():
        return None
    with _opened(lock) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            return file.read().strip() or "a process that just started"
    return None


def _opened(lock: Path) -> IO[str]:
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        return open(lock, "a+", encoding="utf-8")
    except OSError as error:
        raise MtpipeError(f"{lock}, which keeps others from this work, cannot be made: {error.strerror}") from error
