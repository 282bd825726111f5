"""data/run.log: what all stages print, in one file, with time and stage before each line.

Every line is appended as it is printed, so that it outlives a kill, and stages that run side by side share the file.
Nothing reads it, and it may be deleted at any time. A progress bar, which overwrites itself on a terminal, leaves a
line in half a minute.

A stage's own lines are copied as they pass Python's sys.stdout and sys.stderr. What its other processes print, those of
an update with `update.processes` and those that judge, comes with the lines of their libraries in C. Of a resident
engine the file that it prints to is followed.
"""

import io
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

from mtpipe import paths

LOG = paths.DATA / "run.log"
_SECONDS_BETWEEN_BARS = 30.0
_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_FOR_LAST_WORDS = 5.0

_name: str | None = None
"""The stage whose streams are copied."""
_others: tuple[int, subprocess.Popen[bytes]] | None = None
"""Where its other processes print to, and the process that passes that on."""


def write_line(line: str) -> None:
    """Appends a line; a disk that is full or read-only is the stages' to report."""
    with suppress(OSError):
        LOG.parent.mkdir(parents=True, exist_ok=True)
        with open(LOG, "a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")


@contextmanager
def copied(name: str) -> Iterator[None]:
    """Has this process's standard output and standard error copied into the log, line by line, under a stage's name.

    `others` has the same done for the processes that it starts.
    """
    global _name
    before = sys.stdout, sys.stderr
    copies = [CopiedStream(stream, name) for stream in before]
    sys.stdout, sys.stderr = (cast(TextIO, copy) for copy in copies)
    _name = name
    try:
        yield
    finally:
        _name = None
        sys.stdout, sys.stderr = before
        _end_others()
        for copy in copies:
            copy.end()


def others() -> int | None:
    """A descriptor for what other processes of a stage print: it comes to this one's standard error, and into the log.

    None where no stage is copied. The lines pass through one more process, so that the last ones of a process that dies
    arrive, whether the stage lives or not.
    """
    global _others
    if _name is None:
        return None
    if _others is None:
        read, write = os.pipe()
        command = [sys.executable, "-m", __name__, _name]
        # In a session of its own, so that Ctrl-C does not end it before those whose last words it passes on.
        process = subprocess.Popen(command, stdin=read, stdout=2, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(read)
        _others = write, process
    return _others[0]


@contextmanager
def others_inherit() -> Iterator[None]:
    """The same for processes that some library starts, which have this one's standard output and standard error."""
    descriptor = others()
    if descriptor is None:
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    before = [os.dup(stream) for stream in (1, 2)]
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    try:
        yield
    finally:
        for stream, former in zip((1, 2), before, strict=True):
            os.dup2(former, stream)
            os.close(former)


def _end_others() -> None:
    global _others
    if _others is not None:
        write, process = _others
        _others = None
        os.close(write)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_FOR_LAST_WORDS)


class FollowedFile:
    """Has what comes to stand in a file copied into the log, by a thread, until `end`."""

    def __init__(self, file: Path, name: str) -> None:
        self._file, self._over = open(file, encoding="utf-8", errors="replace"), threading.Event()  # noqa: SIM115
        self._copy = CopiedStream(io.StringIO(), name)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Copies what is left."""
        self._over.set()
        self._thread.join()
        self._copy.end()

    def _follow(self) -> None:
        while not self._over.wait(_SECONDS_BETWEEN_LOOKS):
            self._look()
        self._look()

    def _look(self) -> None:
        self._copy.copy(self._file.read())


class CopiedStream:
    """A stream whose lines are also written into the log; all else is the stream's own."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream, self._name = stream, name
        self._line, self._bar_at = "", time.monotonic()

    def write(self, text: str) -> int:
        written = self._stream.write(text)
        self.copy(text)
        return written

    def copy(self, text: str) -> None:
        """Writes the lines that are complete now into the log alone."""
        *lines, self._line = re.split(r"(?<=[\r\n])", self._line + text)
        for line in lines:
            is_bar = line.endswith("\r")
            if line.strip() and not (is_bar and time.monotonic() - self._bar_at < _SECONDS_BETWEEN_BARS):
                self._bar_at = time.monotonic() if is_bar else self._bar_at
                write_line(f"{self._name} | {line.strip()}")

    def end(self) -> None:
        """Writes a last line that has no end."""
        if self._line.strip():
            write_line(f"{self._name} | {self._line.strip()}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def main() -> None:
    """Passes standard input on to standard output, and copies it into the log under the name of the stage.

    It ends when no process is left that could write.
    """
    copy = CopiedStream(sys.stdout, sys.argv[1])
    for piece in iter(lambda: os.read(0, 65536), b""):
        with suppress(OSError):  # a terminal that is gone; the log is not
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()
        copy.copy(piece.decode("utf-8", "replace"))
    copy.end()


if __name__ == "__main__":
    main()
