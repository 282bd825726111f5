"""Judging processes that can be killed: each answer has a limit of CPU time and of bytes, and no answer harms another.

Why a pool of our own. pebble, joblib and concurrent.futures hand results back as pickles, and a pickle read from a
process that judged hostile text is code that the parent runs: one hole in a parser would reach past the sandbox. What
is left to write without them is small, because each process judges one answer at a time: lines of JSON over pipes,
a deadline, a kill, and a fork of the next judge from a process that has everything loaded (mtpipe/verify/worker.py).

The limit is CPU time, which the kernel counts, so that an honest answer does not run out of it on a busy machine; the
parent's clock is a far backstop. What needs no process (mtpipe/verify/answers.py, judge_cheaply) never gets here.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import mtpipe
from mtpipe.errors import MtpipeError
from mtpipe.run_log import others
from mtpipe.verify.compare.rules import STRICT, Rules
from mtpipe.verify.values.kinds import Value
from mtpipe.verify.values.messages import encode

if TYPE_CHECKING:  # it runs in the other process; named so that what reads imports (dvc.yaml's test) sees it
    from mtpipe.verify import worker as _worker_program  # noqa: F401

SECONDS_PER_ANSWER = 10.0
MEMORY_BYTES = 1 << 30
WALL_SECONDS_PER_CPU_SECOND = 12.0
_START_SECONDS = 120.0
_VERDICTS = frozenset({"correct", "wrong", "rejected", "crashed"})


@dataclass(frozen=True)
class Undecided:
    """Values that exact arithmetic has not decided: each gold with the ways to read the answer beside it."""

    pairs: tuple[tuple[Value, tuple[Value, ...]], ...]
    rules: Rules = STRICT


class Pool:
    """A number of judging processes, started when the first answer needs one. A context manager."""

    def __init__(
        self, processes: int = 2, seconds: float = SECONDS_PER_ANSWER, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        """`seconds` of CPU time and `memory_bytes` of address space is what one answer may cost.

        A judge that has not answered after twelve times as long by the clock is ended too.
        """
        self._processes, self._seconds, self._memory_bytes = processes, seconds, memory_bytes
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def process_ids(self) -> list[int]:
        """The processes that run now; each has its present judge as a child."""
        return [worker.process_id for worker in self._workers]

    def judge(self, comparisons: Iterable[Undecided]) -> Iterator[tuple[int, str]]:
        """Yields (index, verdict) as answers are judged: correct, wrong, rejected, timeout or crashed.

        Raises MtpipeError if no judging process starts.
        """
        waiting = list(enumerate(comparisons))[::-1]
        pending = len(waiting)
        while len(self._workers) < min(self._processes, pending):
            self._workers.append(_Worker(self._memory_bytes))
        while pending:
            for worker in self._workers:
                if worker.idle and waiting:
                    worker.send(*waiting.pop(), self._seconds)
            for index, verdict in self._receive():
                pending -= 1
                yield index, verdict

    def _receive(self) -> Iterator[tuple[int, str]]:
        """What the workers say next, or that one of them ran out of time."""
        with selectors.DefaultSelector() as selector:
            for worker in self._workers:
                selector.register(worker.output, selectors.EVENT_READ, worker)
            nearest = min(worker.deadline for worker in self._workers)
            ready = selector.select(max(0.0, min(nearest - time.monotonic(), 60.0)))
        for key, _ in ready:
            yield from key.data.receive()
        for worker in self._workers:
            if time.monotonic() > worker.deadline and (job := worker.overrun()) is not None:
                yield job, "timeout"


class _Worker:
    """A nursery and its present judge, as the parent knows them."""

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._failed_starts = 0
        self._serial = 0
        self._start()

    def _start(self) -> None:
        here = str(Path(mtpipe.__file__).parent.parent)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mtpipe.verify.worker", str(self._memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=others(),
            bufsize=0,
            env={"PYTHONPATH": os.pathsep.join([here, *sys.path]), "PYTHONHASHSEED": "0", "PATH": os.defpath},
        )
        self._ready = self._killing = False
        self._received = b""
        self._job: int | None = None
        self.deadline = time.monotonic() + _START_SECONDS

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def output(self) -> int:
        """The file descriptor that the judge writes to."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    @property
    def idle(self) -> bool:
        """Whether a judge waits for an answer."""
        return self._ready and self._job is None

    def send(self, job: int, comparison: Undecided, seconds: float) -> None:
        """Gives an idle judge one answer and starts its clock."""
        self._serial += 1
        request = {
            "id": self._serial,
            "seconds": seconds,
            "pairs": encode(comparison.pairs),
            "rules": {field.name: encode(getattr(comparison.rules, field.name)) for field in fields(Rules)},
        }
        self._job, self.deadline = job, time.monotonic() + seconds * WALL_SECONDS_PER_CPU_SECOND
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then its output has ended too, and `receive` sees that
            self._process.stdin.write(json.dumps(request).encode() + b"\n")

    def receive(self) -> Iterator[tuple[int, str]]:
        """Reads what has been written; a judge or nursery that ended over an answer gives `crashed`."""
        piece = os.read(self.output, 65536)
        if not piece:
            if self._job is not None:
                yield self._job, "crashed"
            self._restart()
            return
        *lines, self._received = (self._received + piece).split(b"\n")
        for message in map(read_message, lines):
            if message.get("killed") is True:
                self._killing = False
            elif message.get("ready") is True and not self._killing:
                if self._ready and self._job is not None:
                    yield self._finish(), "crashed"
                self._ready, self._failed_starts, self.deadline = True, 0, float("inf")
            elif message.get("overran") is True and self._job is not None:
                self._ready = False
                yield self._finish(), "timeout"
            elif message.get("id") == self._serial and self._job is not None and message.get("verdict") in _VERDICTS:
                self._ready = message.get("stays") is True
                yield self._finish(), message["verdict"]

    def overrun(self) -> int | None:
        """Has the judge killed and gives the answer that it was at; starts anew where the nursery does not respond."""
        if not self._ready:
            self._restart()
            return None
        self._ready, self._killing = False, True
        self._process.send_signal(signal.SIGUSR1)
        return self._finish()

    def end(self) -> None:
        """Kills the nursery, and with it the judge."""
        self._process.send_signal(signal.SIGTERM)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _finish(self) -> int:
        assert self._job is not None
        job, self._job = self._job, None
        self.deadline = time.monotonic() + _START_SECONDS if not self._ready else float("inf")
        return job

    def _restart(self) -> None:
        self._failed_starts += 1
        if self._failed_starts > 3:
            raise MtpipeError(
                "no judging process starts; run `python -m mtpipe.verify.worker 1073741824` to see why (it waits for "
                "input when all is well)"
            )
        self.end()
        self._start()


def read_message(line: bytes) -> dict[str, Any]:
    """A line of a judge's, which may hold anything."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
