"""The engine that a stage sees: it hands requests to the process that keeps the real one."""

import contextlib
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mtpipe.errors import MtpipeError
from mtpipe.model.policy import Vocabulary, load_vocabulary
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.resident.carried import answered, asking
from mtpipe.sampling.resident.frames import BrokenMessage, Message, peer, receive, send
from mtpipe.sampling.resident.reaching import connect, log_file
from mtpipe.sampling.resident.terms import terms_for
from mtpipe.settings.model import Compute
from mtpipe.settings.sampling import EngineSettings


class ResidentEngine:
    """The policy that another process keeps, as a sampling engine (`mtpipe.sampling.engine.Engine`).

    Attributes:
        process: the number of that process.
        loaded: whether it had to read the policy's weights; it need not if it had them already.
    """

    def __init__(self, folder: Path, settings: EngineSettings, compute: Compute, address: Path):
        """Connects to the engine at an address, or starts one there.

        Raises MtpipeError if the engine does not start, with its words.
        """
        self.vocabulary: Vocabulary = load_vocabulary(folder)
        self._folder = folder
        self._terms = terms_for(folder, settings, compute)
        self._address = address
        self._connection: socket.socket | None = None
        self.process = 0
        self.loaded = False
        self._open()

    def load(self, folder: Path) -> None:
        """Goes on with the policy in another folder; raises MtpipeError if it is of another model."""
        vocabulary = load_vocabulary(folder)
        self._ask(self._connected(), Message("load", {"folder": str(folder.resolve())}))
        self._folder, self.vocabulary = folder, vocabulary

    def sample(self, requests: Sequence[Request], plan: SamplingPlan) -> Iterator[Rollout]:
        """Samples one response to each request.

        Whoever does not take all of them ends the connection, and with it the rest of the work.
        """
        connection = self._connected()
        self._send(connection, asking(requests, plan))
        try:
            while (answer := self._answer(connection)).kind == "rollouts":
                yield from answered(answer)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leaves the engine to the next stage."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> socket.socket:
        connection = connect(self._address, self._terms)
        self._connection, self.process = connection, peer(connection)[0]
        done = self._ask(connection, Message("open", {"folder": str(self._folder.resolve())})).fields
        self.loaded = bool(done["loaded"])
        if done["started"]:
            print(
                f"the sampling engine is process {self.process} ({log_file()}); it serves the following stages too and "
                f"keeps {done['holds'] / 2**30:.1f} GiB of host memory between them",
                file=sys.stderr,
            )
        return connection

    def _connected(self) -> socket.socket:
        return self._connection or self._open()

    def _ask(self, connection: socket.socket, message: Message) -> Message:
        self._send(connection, message)
        return self._answer(connection)

    def _send(self, connection: socket.socket, message: Message) -> None:
        with self._noticing_the_end():
            send(connection, message)

    def _answer(self, connection: socket.socket) -> Message:
        with self._noticing_the_end():
            answer = receive(connection)
            if answer is None:
                raise BrokenMessage("the connection ended")
        match answer.kind, answer.fields:
            case "refused", {"why": why}:
                raise MtpipeError(why)
            case "failed", {"why": why}:
                self.close()
                raise MtpipeError(f"the sampling engine failed and ended ({why}); {log_file()} has more")
        return answer

    @contextlib.contextmanager
    def _noticing_the_end(self) -> Iterator[None]:
        try:
            yield
        except (OSError, BrokenMessage) as error:
            self.close()
            raise MtpipeError(
                f"the sampling engine, process {self.process}, has ended: it was killed, or memory ran out "
                f"({log_file()} may say more); start again, which starts a new one and repeats this stage alone"
            ) from error
