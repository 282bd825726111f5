"""The thread with the engine: it does what the stages' threads ask for, and samples for several of them by turns."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TypeVar

from mtpipe.records import Rollout

T = TypeVar("T")
Turns = Iterator[list[Rollout]]

_SECONDS_BETWEEN_LOOKS = 0.2


class EngineEnded(Exception):
    """The engine does nothing any more."""


@dataclass(eq=False)
class _Sampling:
    """`found` has what each turn gave, then None, or the error that ended it."""

    start: Callable[[], Turns]
    turns: Turns | None = None
    found: SimpleQueue[list[Rollout] | BaseException | None] = field(default_factory=SimpleQueue)


class EngineLoop:
    """`run` is the engine's thread; the other methods are for other threads, and wait for it."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._samplings: list[_Sampling] = []
        self._ended = False

    def call(self, function: Callable[[], T]) -> T:
        """What a function gives or raises, called between two turns; raises EngineEnded if there is none any more."""
        future: Future[T] = Future()

        def called() -> None:
            try:
                if self._ended:
                    raise EngineEnded
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        self._calls.put(called)
        if self._ended:
            self._make_calls(0.0)
        return future.result()

    def sample(self, start: Callable[[], Turns]) -> Generator[list[Rollout], None, None]:
        """What the turns of a sampling give, which takes them together with those that others have begun.

        Args:
            start: called right before the first turn. Who leaves this iterator ends them, and waits for that.
        """
        sampling = _Sampling(start)
        self.call(lambda: self._samplings.append(sampling))
        try:
            while (found := sampling.found.get()) is not None:
                if isinstance(found, BaseException):
                    raise found
                yield found
        finally:
            with contextlib.suppress(EngineEnded):
                self.call(lambda: self._end(sampling))

    def run(self, goes_on: Callable[[], bool]) -> None:
        """Until `goes_on` says no; then whoever waits for it gets EngineEnded."""
        try:
            while goes_on():
                self._make_calls(0.0 if self._samplings else _SECONDS_BETWEEN_LOOKS)
                for sampling in list(self._samplings):
                    self._take_turn(sampling)
        finally:
            self._ended = True
            for sampling in self._samplings:
                sampling.found.put(EngineEnded())
            self._make_calls(0.0)

    def _make_calls(self, patience: float) -> None:
        """Those that wait, after waiting for the first of them."""
        with contextlib.suppress(Empty):
            self._calls.get(timeout=patience)() if patience else self._calls.get_nowait()()
            while True:
                self._calls.get_nowait()()

    def _take_turn(self, sampling: _Sampling) -> None:
        try:
            if sampling.turns is None:
                sampling.turns = sampling.start()
            sampling.found.put(next(sampling.turns))
        except StopIteration:
            self._samplings.remove(sampling)
            sampling.found.put(None)
        except BaseException as error:
            self._samplings.remove(sampling)
            sampling.found.put(error)

    def _end(self, sampling: _Sampling) -> None:
        """Ends turns that were not all taken; the iterator that gave them is closed."""
        if sampling in self._samplings:
            self._samplings.remove(sampling)
        close = getattr(sampling.turns, "close", None)
        if close is not None:
            close()
