"""The process with the engine: serves stages, and gives back what it can while there is none.

Stages come one after the other. Those whose policies are adapters of one base may be there at the same time: each
request is sampled with its own stage's adapter, and all in the same batches.

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
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from mtpipe.errors import MtpipeError
from mtpipe.owner import Process, project_name
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.resident.carried import answering, asked_for
from mtpipe.sampling.resident.frames import BrokenMessage, Message, peer, receive, send
from mtpipe.sampling.resident.loop import EngineEnded, EngineLoop
from mtpipe.sampling.resident.terms import Identity, identity

IDLE_SECONDS = 1800.0
"""An update longer than this costs a start of vLLM, which is then a small part of the round."""
_SECONDS_FOR_A_HELLO = 5.0
_SECONDS_BETWEEN_LOOKS = 0.05
_ROLLOUTS_IN_A_MESSAGE = 256
_SECONDS_BETWEEN_MESSAGES = 0.5


class RestingEngine(Protocol):
    """An engine that can wait for the next stage."""

    def load(self, folder: Path) -> None: ...
    def turns(self, requests: Sequence[Request], plan: SamplingPlan) -> Iterator[list[Rollout]]:
        """Samples one response to each request, some at a time; between two turns others may have theirs."""

    def close(self) -> None: ...
    def rest(self) -> bool:
        """Forgets what it knows of prompts and gives device memory back; whether the policy is loaded still."""


class Server:
    """Serves the stages of one owner.

    Args:
        address: the socket, in a folder that only this user can enter.
        owner: ends with it.
        terms: the digest that a stage has to have too.
        open_engine: makes an engine with the policy in a folder.
        stages_at_once: more wait for one of them to end.
    """

    def __init__(
        self,
        address: Path,
        owner: Process,
        terms: str,
        open_engine: Callable[[Path], RestingEngine],
        stages_at_once: int = 1,
    ):
        self._address = address
        self._owner = owner
        self._project = project_name()
        self._terms = terms
        self._open_engine = open_engine
        self._engine: RestingEngine | None = None
        self._was_started = False
        self._loaded: Identity | None = None
        self._loop = EngineLoop()
        self._places = threading.Semaphore(stages_at_once)
        self._connections: set[socket.socket] = set()
        self._stages: dict[socket.socket, Process | None] = {}
        self._last_needed = time.monotonic()
        self._over = threading.Event()

    def serve(self) -> None:
        """Returns when the owner has ended, after idle minutes, if a stage has other terms, or at once beside another.

        The engine runs in the thread that calls this. The lock of its address ends with this process, and so after all
        that the engine holds.
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
            accepting = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            accepting.start()
            try:
                self._loop.run(self._goes_on)
            finally:
                self._over.set()
                self._address.unlink(missing_ok=True)
                accepting.join()
        if self._engine is not None:
            self._engine.close()

    def _goes_on(self) -> bool:
        idle = not self._connections and time.monotonic() - self._last_needed > IDLE_SECONDS
        return self._is_owned() and not idle and not self._over.is_set()

    def _is_owned(self) -> bool:
        """Whether the owner is there still, or a stage that has outlived it."""
        return self._owner.is_alive() or any(stage and stage.is_alive() for stage in list(self._stages.values()))

    def _accept(self, listener: socket.socket) -> None:
        """Each stage has a thread that reads and writes; what it asks for is done in the engine's."""
        while not self._over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            self._connections.add(connection)
            threading.Thread(target=self._serve_connection, args=(connection,), daemon=True).start()

    def _serve_connection(self, connection: socket.socket) -> None:
        with self._places, contextlib.suppress(EngineEnded):
            with connection:
                try:
                    self._serve_stage(connection)
                except (BrokenMessage, OSError) as error:
                    note(f"a connection ended: {type(error).__name__}: {error}")
                finally:
                    self._stages.pop(connection, None)
                    self._last_needed = time.monotonic()
                    self._connections.discard(connection)
            self._rest()

    def _serve_stage(self, connection: socket.socket) -> None:
        number, user = peer(connection)
        if user != os.getuid():
            return
        hello = receive(connection, _SECONDS_FOR_A_HELLO)
        mine = {"owner": str(self._owner), "project": self._project}
        if hello is None or {**hello.fields, **mine} != hello.fields:
            return
        if hello.kind == "rest":
            self._wait_for_stages()
            self._rest()
            _send(connection, Message("done"))
        elif hello.kind == "hello":
            self._serve_requests(connection, number, hello.fields.get("terms"))

    def _serve_requests(self, connection: socket.socket, number: int, terms: object) -> None:
        if terms != self._terms:
            self._wait_for_stages()
            with self._ending():
                _send(connection, Message("other"))
            return
        self._stages[connection] = Process.of(number)
        _send(connection, Message("welcome"))
        folder: Path | None = None
        while not self._over.is_set() and (message := receive(connection)) is not None:
            try:
                folder = self._answer(connection, message, folder)
            except MtpipeError as error:
                with self._ending(self._was_started and self._engine is None):
                    _send(connection, Message("refused", {"why": str(error)}))
            except (BrokenMessage, EngineEnded):
                raise
            except Exception as error:  # an OSError too: a socket's comes as BrokenMessage, so this is the engine's
                note(traceback.format_exc())
                with self._ending():
                    _send(connection, Message("failed", {"why": f"{type(error).__name__}: {error}"}))

    def _answer(self, connection: socket.socket, message: Message, folder: Path | None) -> Path:
        """Returns the folder of the stage's policy, which was `folder` before."""
        match message.kind, message.fields:
            case ("open" | "load", {"folder": str(named)}):
                _send(connection, Message("done", self._loop.call(partial(self._load, Path(named)))))
                return Path(named)
            case ("sample", _) if folder is not None:
                self._sample(connection, folder, *asked_for(message))
                return folder
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

    def _turns(self, folder: Path, requests: list[Request], plan: SamplingPlan) -> Iterator[list[Rollout]]:
        """Of the policy in a folder, in whose place another stage may have loaded its own."""
        self._load(folder)
        assert self._engine is not None
        return self._engine.turns(requests, plan)

    def _sample(self, connection: socket.socket, folder: Path, requests: list[Request], plan: SamplingPlan) -> None:
        ready: list[Rollout] = []
        sent = time.monotonic()
        turns = self._loop.sample(partial(self._turns, folder, requests, plan))
        with contextlib.closing(turns):  # if the stage has gone, the rest is not sampled
            for rollouts in turns:
                ready += rollouts
                if len(ready) >= _ROLLOUTS_IN_A_MESSAGE or time.monotonic() - sent > _SECONDS_BETWEEN_MESSAGES:
                    _send(connection, answering(ready))
                    ready, sent = [], time.monotonic()
        _send(connection, answering(ready))
        _send(connection, Message("done"))

    def _wait_for_stages(self) -> None:
        """For those that are there to leave, and for the end of what they had begun."""
        while self._stages and not self._over.is_set():
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _rest(self) -> None:
        """Has the engine rest, unless a stage is there that it works for."""

        def rest() -> None:
            if not self._stages and self._engine is not None and not self._engine.rest():
                self._loaded = None

        self._loop.call(rest)

    @contextlib.contextmanager
    def _ending(self, ends: bool = True) -> Iterator[None]:
        """Ends the server after its last words to a stage, also if nobody was there to hear them."""
        with contextlib.suppress(BrokenMessage):
            yield
        if ends:
            self._over.set()

    def _end_with_owner(self) -> None:
        """Ends this process also while it samples, once both the owner and the stages that it works for are gone."""
        while self._is_owned():
            time.sleep(0.5)
        time.sleep(2.0)  # for the other threads, if they only wait
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
