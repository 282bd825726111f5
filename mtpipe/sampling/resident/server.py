"""The process with the engine: serves one stage after the other, and gives back between them what it can.

What may come over the socket:

| a stage sends | the server answers |
|---|---|
| `hello`: owner, project, and the digest of its terms | `welcome`; or `other` if it runs under other terms, and ends |
| `open`, `load`: the folder of a policy | `done`: whether it started or loaded anything, and what it holds |
| `sample`: requests | `rollouts`, as they end, and `done` |
| `rest` in the place of `hello`, with owner and project | `done`, with no device memory held |

Instead of any of these answers, `refused` has the words of an MtpipeError, after which all is as before, and if that
is why there is no engine, the server ends with what a half-started one has taken; `failed` has the words of another
error, after which the server ends. A stage is done when it ends its connection.
"""

import contextlib
import fcntl
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from mtpipe.errors import MtpipeError
from mtpipe.owner import Process, project_name
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.resident.carried import answering, asked_for
from mtpipe.sampling.resident.frames import BrokenMessage, Message, peer, receive, send
from mtpipe.sampling.resident.terms import Identity, identity

IDLE_SECONDS = 1800.0
"""An update longer than this costs a start of vLLM, which is then a small part of the round."""
_SECONDS_FOR_A_HELLO = 5.0
_ROLLOUTS_IN_A_MESSAGE = 256
_SECONDS_BETWEEN_MESSAGES = 0.5


class RestingEngine(Protocol):
    """An engine that can wait for the next stage."""

    def load(self, folder: Path) -> None: ...
    def sample(self, requests: Sequence[Request], plan: SamplingPlan) -> Iterator[Rollout]: ...
    def close(self) -> None: ...
    def rest(self) -> bool:
        """Forgets what it knows of prompts and gives device memory back; whether the policy is loaded still."""


class _End(Exception):
    """This server has to end."""


class Server:
    """Serves the stages of one owner.

    Args:
        address: the socket, in a folder that only this user can enter.
        owner: ends with it.
        terms: the digest that a stage has to have too.
        open_engine: makes an engine with the policy in a folder.
    """

    def __init__(self, address: Path, owner: Process, terms: str, open_engine: Callable[[Path], RestingEngine]):
        self._address = address
        self._owner = owner
        self._project = project_name()
        self._terms = terms
        self._open_engine = open_engine
        self._engine: RestingEngine | None = None
        self._was_started = False
        self._loaded: Identity | None = None
        self._stage: Process | None = None

    def serve(self) -> None:
        """Returns when the owner has ended, after idle minutes, if a stage has other terms, or at once beside another.

        The lock of its address ends with this process, and so after all that the engine holds.
        """
        self._lock = open(self._address.with_suffix(".lock"), "a")  # noqa: SIM115
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        self._lock.truncate(0)
        self._lock.write(str(Process.current()))
        self._lock.flush()
        self._address.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self._address))
            listener.listen()
            listener.settimeout(1.0)
            threading.Thread(target=self._end_with_owner, daemon=True).start()
            try:
                with contextlib.suppress(_End):
                    self._accept(listener)
            finally:
                self._address.unlink(missing_ok=True)
        if self._engine is not None:
            self._engine.close()

    def _accept(self, listener: socket.socket) -> None:
        last_needed = time.monotonic()
        while self._owner.is_alive() and time.monotonic() - last_needed < IDLE_SECONDS:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                try:
                    self._serve_stage(connection)
                except (BrokenMessage, OSError) as error:
                    note(f"a connection ended: {type(error).__name__}: {error}")
                finally:
                    self._stage = None
            self._rest()
            last_needed = time.monotonic()

    def _serve_stage(self, connection: socket.socket) -> None:
        number, user = peer(connection)
        if user != os.getuid():
            return
        hello = receive(connection, _SECONDS_FOR_A_HELLO)
        mine = {"owner": str(self._owner), "project": self._project}
        if hello is None or {**hello.fields, **mine} != hello.fields:
            return
        if hello.kind == "rest":
            self._rest()
            _send(connection, Message("done"))
        elif hello.kind == "hello":
            self._serve_requests(connection, number, hello.fields.get("terms"))

    def _serve_requests(self, connection: socket.socket, number: int, terms: object) -> None:
        self._stage = Process.of(number)
        if terms != self._terms:
            _send(connection, Message("other"))
            raise _End
        _send(connection, Message("welcome"))
        while (message := receive(connection)) is not None:
            try:
                self._answer(connection, message)
            except MtpipeError as error:
                with _ending(self._was_started and self._engine is None):
                    _send(connection, Message("refused", {"why": str(error)}))
            except BrokenMessage:
                raise
            except Exception as error:  # an OSError too: a socket's comes as BrokenMessage, so this is the engine's
                note(traceback.format_exc())
                with _ending():
                    _send(connection, Message("failed", {"why": f"{type(error).__name__}: {error}"}))

    def _answer(self, connection: socket.socket, message: Message) -> None:
        match message.kind, message.fields:
            case ("open" | "load", {"folder": str(folder)}):
                _send(connection, Message("done", self._load(Path(folder))))
            case ("sample", _) if self._engine is not None:
                self._sample(connection, self._engine, *asked_for(message))
            case _:
                raise BrokenMessage(f"nothing to do for {message.kind!r}")

    def _load(self, folder: Path) -> dict[str, Any]:
        """Loads the policy in a folder, unless it is loaded."""
        if not (folder / "config.json").is_file():
            raise MtpipeError(f"{folder} holds no policy")
        found = identity(folder)
        started, loaded = self._engine is None, self._loaded != found
        if self._engine is None:
            self._was_started = True
            self._engine = self._open_engine(folder)
        elif loaded:
            self._loaded = None
            self._engine.load(folder)
        self._loaded = found
        return {"started": started, "loaded": loaded, "holds": _holds()}

    def _sample(
        self, connection: socket.socket, engine: RestingEngine, requests: list[Request], plan: SamplingPlan
    ) -> None:
        ready: list[Rollout] = []
        sent = time.monotonic()
        rollouts = engine.sample(requests, plan)
        try:
            for rollout in rollouts:
                ready.append(rollout)
                if len(ready) == _ROLLOUTS_IN_A_MESSAGE or time.monotonic() - sent > _SECONDS_BETWEEN_MESSAGES:
                    _send(connection, answering(ready))
                    ready, sent = [], time.monotonic()
        finally:
            if isinstance(rollouts, Generator):  # if the stage has gone, the rest is not sampled
                rollouts.close()
        _send(connection, answering(ready))
        _send(connection, Message("done"))

    def _rest(self) -> None:
        if self._engine is not None and not self._engine.rest():
            self._loaded = None

    def _end_with_owner(self) -> None:
        """Ends this process also while it samples, once both the owner and the stage that it samples for are gone."""
        while self._owner.is_alive() or (self._stage is not None and self._stage.is_alive()):
            time.sleep(0.5)
        time.sleep(2.0)  # for the other thread, if it only waits
        self._address.unlink(missing_ok=True)
        os._exit(1)


def _holds() -> int:
    """Bytes of host memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def note(text: str) -> None:
    """Writes to the log, if that can be written: on a full disk the engine serves on."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _send(connection: socket.socket, message: Message) -> None:
    """Raises BrokenMessage if the stage has gone."""
    try:
        send(connection, message)
    except OSError as error:
        raise BrokenMessage(f"the stage has gone: {error}") from None


@contextlib.contextmanager
def _ending(ends: bool = True) -> Iterator[None]:
    """Ends the server after its last words, also if nobody was there to hear them."""
    with contextlib.suppress(BrokenMessage):
        yield
    if ends:
        raise _End
