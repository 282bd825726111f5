"""How a stage reaches the process with the engine of its chain: connects, starts one, or has it give memory back."""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.owner import OWNER, SLOT, Process, engine_socket, project_name
from mtpipe.sampling.resident.frames import BrokenMessage, Message, peer, receive, send
from mtpipe.sampling.resident.terms import Terms, digest

SERVER = "mtpipe.sampling.serving"
SECONDS_TO_ANSWER = 120.0
"""For a server to come up, or to finish a step and give memory back."""
_SECONDS_BETWEEN_TRIES = 0.05


def connect(address: Path, terms: Terms) -> socket.socket:
    """A connection to a server under these terms; starts one if there is none, and after another one has ended.

    Waits while the server is at work for another stage of this owner. Raises MtpipeError if none answers.
    """
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    server: subprocess.Popen[bytes] | None = None
    while time.monotonic() < deadline:
        if connection := _reach(address):
            with contextlib.suppress(OSError, BrokenMessage):
                send(connection, Message("hello", {**_owned(), "terms": digest(terms)}))
                answer = receive(connection)
                if answer is not None and answer.kind == "welcome":
                    return connection
                deadline = time.monotonic() + SECONDS_TO_ANSWER
            connection.close()
        elif server is None or server.poll() is not None:
            _wait_for_orphans(address)
            server = _start(address, terms)
        time.sleep(_SECONDS_BETWEEN_TRIES)
    raise MtpipeError(
        f"no sampling engine answers at {address} ({log_file()} may say why); set MTPIPE_RESIDENT=0 to do without it"
    )


def give_back_device() -> None:
    """Has the chain's resident engine, if there is one, give its device memory back; for a stage that needs the device.

    One that does not answer in time is killed. Those of owners of this project that were killed are waited for.
    """
    address = engine_socket()
    if address is None:
        return
    _wait_for_orphans(address)
    if connection := _reach(address):
        server = Process.of(peer(connection)[0])
        with connection:
            try:
                send(connection, Message("rest", _owned()))
                receive(connection, SECONDS_TO_ANSWER)
            except (OSError, BrokenMessage):
                if server is not None and server.is_alive():
                    os.kill(server.number, signal.SIGKILL)


def log_file() -> Path:
    """What the engine of this chain writes to its standard streams."""
    return paths.engine_log(os.environ.get(SLOT, "0"))


def _reach(address: Path) -> socket.socket | None:
    """A connection to a process of this user, if there is one at an address."""
    connection = socket.socket(socket.AF_UNIX)
    with contextlib.suppress(OSError):
        connection.connect(str(address))
        if peer(connection)[1] == os.getuid():
            return connection
    connection.close()
    return None


def _owned() -> dict[str, Any]:
    return {"owner": _owner(), "project": project_name()}


def _owner() -> str:
    return str(Process.of(int(os.environ[OWNER])))


def _start(address: Path, terms: Terms) -> subprocess.Popen[bytes]:
    """Starts a server, which reads its terms from a pipe; it ends at once if another one has the address."""
    log = log_file()
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with open(log, "wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", SERVER, str(address), _owner()],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    assert server.stdin is not None
    with contextlib.suppress(OSError), server.stdin:
        server.stdin.write(json.dumps(terms).encode())
    return server


def _wait_for_orphans(address: Path) -> None:
    """Waits until the engines that killed owners of this project have left are gone, and what they hold with them.

    Such an engine ends by itself within seconds, unless a stage that outlived its owner still uses it.
    """
    for lock in address.parent.glob("*.lock"):
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
                    print(
                        f"waiting for the sampling engine of a run that was killed, process {held.read()}",
                        file=sys.stderr,
                    )
                    fcntl.flock(held, fcntl.LOCK_EX)
                lock.unlink(missing_ok=True)
                lock.with_suffix(".engine").unlink(missing_ok=True)
