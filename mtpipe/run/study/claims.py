"""DVC's claims: the file in which each of its commands says which paths it reads and writes.

Here a part claims the paths of all its stages at once, and a kill leaves nothing that stands in the way.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

from dvc import rwlock
from dvc.exceptions import DvcException
from dvc.lock import LockError, make_lock

from mtpipe.errors import MtpipeError
from mtpipe.run.at_work import CLAIMS, claims_are_cut, workers_said

ATTEMPTS = 20
"""Of taking a lock that another process holds for a moment; DVC waits three seconds in each."""


def drop_cut_claims(folder: str, hardlink: bool) -> None:
    """Removes DVC's file of claims if a kill has cut it, since DVC then refuses every command.

    DVC reads and writes it under a lock of its own, so that whoever has that lock finds it cut by a kill alone.

    Args:
        folder: DVC's for what is temporary.
        hardlink: DVC's setting `core.hardlink_lock`.
    """
    path = os.path.join(folder, rwlock.RWLOCK_LOCK)
    guard = patiently(partial(make_lock, path, tmp_dir=folder, hardlink_lock=hardlink))
    try:
        if claims_are_cut():
            CLAIMS.unlink()
    finally:
        guard.__exit__(None, None, None)


@contextlib.contextmanager
def claimed_with_its_part() -> Iterator[None]:
    """Keeps DVC from claiming a single stage's paths, which costs some twenty writes of a file a stage."""
    claim = rwlock.rwlock
    rwlock.rwlock = lambda *_: contextlib.nullcontext()
    try:
        yield
    finally:
        rwlock.rwlock = claim


@contextlib.contextmanager
def dead_processes_claim_nothing() -> Iterator[None]:
    """Has DVC drop a killed process's claim also while no parent has collected it; some containers never do."""
    psutil = rwlock.psutil

    def is_alive(process: int) -> bool:
        try:
            return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    rwlock.psutil = SimpleNamespace(pid_exists=is_alive)
    try:
        yield
    finally:
        rwlock.psutil = psutil


def patiently(lock: Callable[[], Any], attempts: int = ATTEMPTS) -> Any:
    """Enters a lock of DVC's that others hold for moments only. Raises MtpipeError if one holds it for good."""
    for attempt in range(attempts):
        try:
            made = lock()
            made.__enter__()
            return made
        except LockError as error:
            if attempt == attempts - 1 or "busy" in str(error):
                raise MtpipeError(f"another DVC command is at work here: {workers_said() or error}") from None
        except DvcException as error:
            raise MtpipeError(str(error)) from error
    raise AssertionError
