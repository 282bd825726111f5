"""One process at a time: locks that end with their process, however it ends."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from mtpipe import paths
from mtpipe.errors import MtpipeError


@contextmanager
def alone(name: str, otherwise: str, waits: bool = False) -> Iterator[None]:
    """Holds the lock of that name in this project.

    Args:
        name: of a file in data/locks, which says which process holds the lock.
        otherwise: what it means if another process holds it, for the error.
        waits: for the other process to end, instead of raising.

    Raises MtpipeError if another process holds it.
    """
    paths.LOCKS.mkdir(parents=True, exist_ok=True)
    with open(paths.LOCKS / name, "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            lock.seek(0)
            raise MtpipeError(f"{otherwise} ({lock.read().strip() or 'by a process that just started'})") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        lock.flush()
        yield
