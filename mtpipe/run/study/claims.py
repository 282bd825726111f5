"""DVC's claims: the file in which each of its commands says which paths it reads and writes.

Here a part claims the paths of all its stages at once, and a kill leaves nothing that stands in the way.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

from dvc import rwlock
from dvc.exceptions import DvcException
from dvc.lock import LockError, make_lock

from mtpipe.errors import MtpipeError
from mtpipe.files import write_text
from mtpipe.run.at_work import CLAIMS, claims_are_cut, workers_said

ATTEMPTS = 20
"""Of taking a lock that another process holds for a moment; DVC waits three seconds in each."""


def drop_dead_claims(folder: str, command: str, hardlink: bool) -> None:
    """Removes the claims that a killed run of this part has left, and DVC's whole file if a kill has cut it.

    A claim names its process by number alone. On another machine, or after a while on this one, an unrelated process
    may have the number, and DVC would wait for that. Whoever makes a part holds the part's lock, so no other process
    that claims in its name is alive.

    DVC reads and writes the file under a lock of its own, so that whoever has that lock finds it cut by a kill alone.

    Args:
        folder: DVC's for what is temporary.
        command: in whose name this part claims.
        hardlink: DVC's setting `core.hardlink_lock`.
    """
    path = os.path.join(folder, rwlock.RWLOCK_LOCK)
    guard = patiently(partial(make_lock, path, tmp_dir=folder, hardlink_lock=hardlink))
    try:
        if claims_are_cut():
            CLAIMS.unlink()
        elif CLAIMS.exists():
            held = json.loads(CLAIMS.read_text())
            for kind, claims in held.items():
                others = {path: _by_others(found, command) for path, found in claims.items()}
                held[kind] = {path: found for path, found in others.items() if found}
            write_text(CLAIMS, json.dumps(held))
    finally:
        guard.__exit__(None, None, None)


def _by_others(found: Any, command: str) -> Any:
    """What others claim of a path: those who read it are a list, who writes it is one."""
    if isinstance(found, list):
        return [each for each in found if each["cmd"] != command]
    return found if found["cmd"] != command else None


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
