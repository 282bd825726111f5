"""How a stage reaches the processes with the engines of its chain: connects, starts one, has them give memory back."""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from mtpipe.devices import DEVICES
from mtpipe.errors import MtpipeError
from mtpipe.owner import EngineHome, Process, engine_home, private_folder, project_name
from mtpipe.sampling.resident.frames import BrokenMessage, Message, peer, receive, send
from mtpipe.sampling.resident.terms import Terms, digest

SERVER = "mtpipe.sampling.serving"
SECONDS_TO_ANSWER = 120.0
"""For a server to come up, or to finish a step and give memory back."""
_SECONDS_BETWEEN_TRIES = 0.05


def connect(home: EngineHome, terms: Terms, devices: Sequence[str | None]) -> list[socket.socket]:
    """Connections to as many servers as `devices` has entries, all under these terms; starts those that are missing.

    One that runs under other terms ends, and then its successor starts. Waits while a server is at work for as many
    other stages of this owner as it serves at a time.

    Args:
        devices: what each server is to see as CUDA_VISIBLE_DEVICES; None: what this process sees.

    Raises MtpipeError if one of them does not come up.
    """
    found: dict[int, socket.socket] = {}
    started: dict[int, subprocess.Popen[bytes]] = {}
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    try:
        while time.monotonic() < deadline:
            for index in range(len(devices)):
                if index in found:
                    continue
                # 0: none was started, or it ended because another one was there; None: it is coming up
                status = started[index].poll() if index in started else 0
                if connection := _reach(home.address(index)):
                    if _is_welcome(connection, home, terms):
                        found[index] = connection
                    else:
                        connection.close()
                        deadline = time.monotonic() + SECONDS_TO_ANSWER
                elif status:
                    raise MtpipeError(f"the sampling engine ended as it started; {home.log(index)} says why")
                elif status == 0 and is_free(home.address(index)):
                    started[index] = _start(home, index, terms, devices[index])
            if len(found) == len(devices):
                return [found[index] for index in range(len(devices))]
            time.sleep(_SECONDS_BETWEEN_TRIES)
    except BaseException:
        _close(found.values())
        raise
    _close(found.values())
    missing = [str(home.address(index)) for index in range(len(devices)) if index not in found]
    raise MtpipeError(
        f"no sampling engine answers at {', '.join(missing)} ({home.log(0)} may say why); set MTPIPE_RESIDENT=0 to do "
        f"without it"
    )


def give_back_device() -> None:
    """Has the chain's resident engines, if there are any, give device memory back; for a stage that needs a device.

    One that does not answer in time is killed. Those of owners of this project that have ended are waited for.
    """
    folder = private_folder()
    if folder is None:
        return
    _wait_for_orphans(folder)
    home = engine_home()
    if home is None:
        return
    for address in home.addresses():
        if connection := _reach(address):
            server = Process.of(peer(connection)[0])
            with connection:
                try:
                    send(connection, Message("rest", _owned(home)))
                    receive(connection, SECONDS_TO_ANSWER)
                except (OSError, BrokenMessage):
                    if server is not None:
                        end(server)


def end(server: Process) -> None:
    """Kills a server and what it has started, and waits until all are gone and with them what they hold."""
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    while left := server.session():
        if time.monotonic() > deadline:
            raise MtpipeError(f"process {left[0]}, of a sampling engine, does not end though it was killed; end it")
        for number in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _reach(address: Path) -> socket.socket | None:
    """A connection to a process of this user, if there is one at an address."""
    connection = socket.socket(socket.AF_UNIX)
    with contextlib.suppress(OSError):
        connection.connect(str(address))
        if peer(connection)[1] == os.getuid():
            return connection
    connection.close()
    return None


def _is_welcome(connection: socket.socket, home: EngineHome, terms: Terms) -> bool:
    with contextlib.suppress(OSError, BrokenMessage):
        send(connection, Message("hello", {**_owned(home), "terms": digest(terms)}))
        answer = receive(connection)
        return answer is not None and answer.kind == "welcome"
    return False


def _close(connections: Iterable[socket.socket]) -> None:
    for connection in connections:
        connection.close()


def _owned(home: EngineHome) -> dict[str, Any]:
    return {"owner": str(home.owner), "project": project_name()}


def _start(home: EngineHome, index: int, terms: Terms, devices: str | None) -> subprocess.Popen[bytes]:
    """Starts a server, which reads its terms from a pipe; it ends at once if another one has the address."""
    log = home.log(index)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        with open(log, "wb") as output:
            server = subprocess.Popen(
                [sys.executable, "-m", SERVER, str(home.address(index)), str(home.owner)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=os.environ | ({} if devices is None else {DEVICES: devices}),
            )
    except OSError as error:
        raise MtpipeError(f"a sampling engine that writes to {log} cannot be started: {error}") from error
    assert server.stdin is not None
    with contextlib.suppress(OSError), server.stdin:
        server.stdin.write(json.dumps(terms).encode())
    return server


def is_free(address: Path) -> bool:
    """Whether a server may start at an address, where none comes up or shuts down and a killed one has left nothing."""
    _wait_for_orphans(address.parent)
    with contextlib.suppress(FileNotFoundError), open(address.with_suffix(".lock")) as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        _end_what_is_left(held)
    return True


def _wait_for_orphans(folder: Path) -> None:
    """Waits until the engines of this project are gone whose owners have ended, and what they hold with them.

    Such an engine ends by itself within seconds, unless a stage that outlived its owner still uses it.
    """
    for lock in folder.glob("*.lock"):
        project, _, rest = lock.name.partition(".")
        with contextlib.suppress(ValueError, OSError):  # another kind of lock, in use, or gone
            if Process.read(rest.partition(".")[0]).is_alive():
                continue
            with open(lock) as held:
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if project != project_name():
                        continue
                    number = held.read().partition("-")[0]
                    print(f"waiting for the sampling engine of a run that has ended, process {number}", file=sys.stderr)
                    fcntl.flock(held, fcntl.LOCK_EX)
                _end_what_is_left(held)
                lock.unlink(missing_ok=True)
                lock.with_suffix(".engine").unlink(missing_ok=True)
                for left in ("in_use", "wanted"):
                    lock.with_suffix("").with_suffix(f".{left}").unlink(missing_ok=True)


def _end_what_is_left(lock: IO[str]) -> None:
    """Ends the workers that a dead server has left, by its lock, which is ours now."""
    lock.seek(0)
    with contextlib.suppress(ValueError):  # it never came to write its process down
        server = Process.read(lock.read())
        if not server.is_alive():
            end(server)
