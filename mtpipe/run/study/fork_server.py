"""The process that parts are forked from: it has imported DVC once, which would take each of them half a second.

It is forked from the command before that has threads, files or locks, and imports nothing more. A part is a child of
it, in a session of its own, and ends with the command.
"""

import contextlib
import gc
import json
import os
import signal
import sys
import time
import traceback
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from mtpipe.errors import MtpipeError
from mtpipe.owner import OWNER, Process
from mtpipe.run.study import part as part_module
from mtpipe.run.study.part import PARENT, log_file
from mtpipe.run.study.pool import SECONDS_BETWEEN_LOOKS, signal_session
from mtpipe.run.study.slots import Slot


class ForkServer:
    """Starts parts (`mtpipe.run.study.pool.Start`); made before everything else, and left when its parts have ended."""

    def __enter__(self) -> "ForkServer":
        self._connection, requests = Pipe()
        alive, self._alive = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._process = os.fork()
        if not self._process:
            self._connection.close()
            os.close(self._alive)
            _serve(requests, alive)
        requests.close()
        os.close(alive)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        os.close(self._alive)
        os.waitpid(self._process, 0)

    def start(self, part: str, slot: Slot) -> "ForkedPart":
        """Begins a part, whose output goes to its log."""
        log_file(part).parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **slot.environment(), OWNER: str(os.getpid())}
        try:
            self._connection.send_bytes(json.dumps([part, environment]).encode())
            return ForkedPart(int(self._connection.recv_bytes()))
        except (EOFError, OSError):
            raise MtpipeError(
                f"{part} cannot be started: the process that starts chains has ended, perhaps for want of memory; the "
                f"same command takes up the rest"
            ) from None


class ForkedPart:
    """A part that the server has forked, by its number."""

    def __init__(self, number: int) -> None:
        self._number, self._process = number, Process.of(number)

    def has_ended(self) -> bool:
        return self._process is None or not self._process.is_alive()

    def interrupt(self) -> None:
        signal_session(self._number, signal.SIGINT)

    def kill(self) -> None:
        """Ends it and the commands of its stages, which outlive it if it was killed."""
        signal_session(self._number, signal.SIGKILL)
        while not self.has_ended():
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _serve(requests: Connection, alive: int) -> None:
    """Forks a part for each name and environment, which answers with its number; never returns.

    At the end of the requests it waits for the parts, which themselves end if `alive` does.
    """
    os.setsid()  # Ctrl-C is for the command, which tells its parts
    signal.signal(signal.SIGCHLD, _collect)
    gc.freeze()
    try:
        while True:
            part, environment = json.loads(requests.recv_bytes())
            if not os.fork():
                _become(part, environment | {PARENT: str(alive)}, requests)
    except (EOFError, OSError):
        os.close(alive)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _collect(options=0)
        os._exit(0)


def _collect(*_: object, options: int = os.WNOHANG) -> None:
    """Takes note of parts that have ended, so that their processor time counts as the command's."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, options)[0]:
            pass


def _become(part: str, environment: dict[str, str], requests: Connection) -> None:
    """What `python -m mtpipe.run.study.part` does in an interpreter of its own; never returns."""
    status = 1
    try:
        os.setsid()
        requests.send_bytes(b"%d" % os.getpid())  # only now, because signals go to its session
        requests.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for path, flags, streams in (
            (os.devnull, os.O_RDONLY, (0,)),
            (str(log_file(part)), os.O_WRONLY | os.O_CREAT | os.O_APPEND, (1, 2)),
        ):
            opened = os.open(path, flags, 0o666)
            for stream in streams:
                os.dup2(opened, stream)
            os.close(opened)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [str(part_module.__file__), part]
        part_module.main()
        status = 0
    except SystemExit as end:
        print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
