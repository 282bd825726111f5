"""A stage's connection to one of the processes that keep its engine, which says in words how it ended."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from mtpipe.errors import MtpipeError
from mtpipe.sampling.resident.frames import BrokenMessage, Message, peer, receive, send


class Connection:
    """A connected socket.

    Attributes:
        process: the number of the process on the other side.
        index: which of the engines that share the sampling it is, counted from 0.
    """

    def __init__(self, connected: socket.socket, index: int, log: Path):
        self._socket = connected
        self.process = peer(connected)[0]
        self.index = index
        self._log = log

    def fileno(self) -> int:
        """For whoever waits until one of several has something to say."""
        return self._socket.fileno()

    def send(self, message: Message) -> None:
        """Raises MtpipeError if the other side has ended."""
        with self._noticing_the_end():
            send(self._socket, message)

    def answer(self) -> Message:
        """Raises MtpipeError if the other side has ended, refuses what it was asked for, or has failed."""
        with self._noticing_the_end():
            answer = receive(self._socket)
            if answer is None:
                raise BrokenMessage("the connection ended")
        match answer.kind, answer.fields:
            case "refused", {"why": why}:
                raise MtpipeError(why)
            case "failed", {"why": why}:
                raise MtpipeError(f"the sampling engine failed and ended ({why}); {self._log} has more")
        return answer

    def close(self) -> None:
        """Ends the connection, and with it what the other side does for it."""
        self._socket.close()

    @contextlib.contextmanager
    def _noticing_the_end(self) -> Iterator[None]:
        try:
            yield
        except (OSError, BrokenMessage) as error:
            raise MtpipeError(
                f"the sampling engine, process {self.process}, has ended: it was killed, or memory ran out "
                f"({self._log} may say more); start again, which starts a new one and repeats this stage "
                f"alone"
            ) from error
