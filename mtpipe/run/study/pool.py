"""Parts as processes, one in each slot, which end with the process that started them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from mtpipe.owner import OWNER
from mtpipe.run.study.part import PARENT, log_file
from mtpipe.run.study.slots import Slot

_SECONDS_TO_STOP = 20.0
SECONDS_BETWEEN_LOOKS = 0.1


class Started(Protocol):
    """A part at work."""

    def has_ended(self) -> bool: ...

    def interrupt(self) -> None:
        """Asks it to end, as Ctrl-C does."""

    def kill(self) -> None:
        """Ends what is left of it."""


Start = Callable[[str, Slot], Started]
WhenEnded = Callable[[str], Sequence[str]]


def run_parts(
    parts: Sequence[str], slots: Sequence[Slot], start: Start, look: Callable[[], None], end: WhenEnded
) -> None:
    """Runs parts in their order, one in each slot at a time.

    Args:
        start: begins a part in a slot.
        look: called about ten times a second.
        end: called with each part that has ended, and returns parts that can run now that it has: they are next, or
            last if there are no more left than slots. Also called with those that were stopped because of an error or
            Ctrl-C, which is raised again when all have ended.
    """
    waiting, free = list(parts), list(slots)
    at_work: dict[str, tuple[Started, Slot]] = {}
    try:
        while waiting or at_work:
            while waiting and free:
                slot = free.pop(0)
                at_work[waiting[0]] = (start(waiting[0], slot), slot)
                waiting.pop(0)
            for part, (started, slot) in list(at_work.items()):
                if started.has_ended():
                    started.kill()
                    del at_work[part]
                    free.append(slot)
                    then = end(part)
                    if len(waiting) > len(slots):
                        waiting[:0] = then
                    else:  # the last to wait may take longest, and begin first
                        waiting += then
            look()
            time.sleep(SECONDS_BETWEEN_LOOKS if at_work else 0)
    except BaseException:
        for started, _ in at_work.values():
            started.interrupt()
        deadline = time.monotonic() + _SECONDS_TO_STOP
        for part, (started, _) in at_work.items():
            while not started.has_ended() and time.monotonic() < deadline:
                time.sleep(SECONDS_BETWEEN_LOOKS)
            started.kill()
            end(part)
        raise


class LocalPart:
    """A part in an interpreter of its own, where none can be forked; its output goes to the part's log."""

    def __init__(self, part: str, slot: Slot) -> None:
        alive, self._alive = os.pipe()
        environment = {**os.environ, **slot.environment(), PARENT: str(alive), OWNER: str(os.getpid())}
        log = log_file(part)
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "a") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mtpipe.run.study.part", part],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                pass_fds=[alive],
                start_new_session=True,
            )
        os.close(alive)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def interrupt(self) -> None:
        signal_session(self._process.pid, signal.SIGINT)

    def kill(self) -> None:
        """Ends it and the commands of its stages, which outlive it if it was killed."""
        signal_session(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._alive)


def signal_session(part: int, sign: signal.Signals) -> None:
    """Signals a part, by its process number, and the commands of its stages."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(part, sign)
