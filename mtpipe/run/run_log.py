"""data/run.log: what all stages print, in one file, with time and stage before each line.

Every line is appended as it is printed, so that it outlives a kill, and stages that run side by side share the file.
Nothing reads it, and it may be deleted at any time. A progress bar, which overwrites itself on a terminal, leaves a
line in half a minute. What does not pass Python's sys.stdout and sys.stderr is not in it: other processes that a stage
starts, for example those of an update with `update.processes`, and libraries in C.
"""

import re
import runpy
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from mtpipe import paths

LOG = paths.DATA / "run.log"
_SECONDS_BETWEEN_BARS = 30.0


def write_line(line: str) -> None:
    """Appends a line; a disk that is full or read-only is the stages' to report."""
    with suppress(OSError):
        LOG.parent.mkdir(parents=True, exist_ok=True)
        with open(LOG, "a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")


def run_logged(stage: str, arguments: list[str]) -> None:
    """Runs stages/STAGE.py with these arguments in this process, and has what it prints written into the log too.

    Raises what it raises.
    """
    name, started = "-".join([stage, *arguments[1::2]]), time.monotonic()
    sys.argv = [stage, *arguments]
    write_line(f"{name} begins")
    with _copied(name):
        try:
            runpy.run_module(f"stages.{stage}", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            ended = f"fails: {end.code}" if end.code else "ends"
            write_line(f"{name} {ended} after {time.monotonic() - started:.1f} s")
            raise
        except BaseException:
            for line in traceback.format_exc().splitlines():
                write_line(f"{name} | {line}")
            write_line(f"{name} fails after {time.monotonic() - started:.1f} s")
            raise
    write_line(f"{name} ends after {time.monotonic() - started:.1f} s")


@contextmanager
def _copied(name: str) -> Iterator[None]:
    """Has standard output and standard error copied into the log, line by line."""
    before = sys.stdout, sys.stderr
    copies = [CopiedStream(stream, name) for stream in before]
    sys.stdout, sys.stderr = (cast(TextIO, copy) for copy in copies)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for copy in copies:
            copy.end()


class CopiedStream:
    """A stream whose lines are also written into the log; all else is the stream's own."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream, self._name = stream, name
        self._line, self._bar_at = "", time.monotonic()

    def write(self, text: str) -> int:
        written = self._stream.write(text)
        *lines, self._line = re.split(r"(?<=[\r\n])", self._line + text)
        for line in lines:
            is_bar = line.endswith("\r")
            if line.strip() and not (is_bar and time.monotonic() - self._bar_at < _SECONDS_BETWEEN_BARS):
                self._bar_at = time.monotonic() if is_bar else self._bar_at
                write_line(f"{self._name} | {line.strip()}")
        return written

    def end(self) -> None:
        """Writes a last line that has no end."""
        if self._line.strip():
            write_line(f"{self._name} | {self._line.strip()}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
