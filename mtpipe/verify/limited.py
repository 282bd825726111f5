"""Runs a program that a response contains, within limits: what the judge of a code task may call.

The kernel bounds the program's CPU time, its memory and the files that it writes; a clock bounds how long it may wait.
It starts in a folder of its own that is deleted afterwards, with an empty environment, and whatever it has started in
its process group is killed at its end.

**What this does not contain.** It is no sandbox. The program runs as the user who judges: it can read and delete that
user's files by their full paths, reach the network, signal other processes, leave its process group and go on after its
end. The limit on memory holds for each process, and processes are not counted. So run such a study in a container or a
virtual machine without network and without anything of worth, as a user without rights; with `sampling.refill` the
rollout stage judges too. The program decides what it prints: have it print values, and compare them here.
"""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from math import ceil
from pathlib import Path

MEMORY = 512 * 1024**2
OUTPUT = 1024**2
"""Bytes."""


@dataclass(frozen=True)
class Ran:
    """What became of a program: `end` is `ended`, `failed` (a status other than 0, or a limit) or `timeout`.

    `output` is what it wrote to standard output, at most `OUTPUT` bytes.
    """

    end: str
    output: str


def run_limited(program: str, stdin: str = "", seconds: float = 2.0, memory: int = MEMORY) -> Ran:
    """Runs the text of a Python program.

    Args:
        seconds: of CPU time, rounded up, and of waiting.
        memory: bytes of address space.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
        Path(folder, "program.py").write_text(program, encoding="utf-8", errors="replace")
        process = subprocess.Popen(
            [sys.executable, "-I", "program.py"],
            cwd=folder,
            env={},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: _limit(seconds, memory),
        )
        try:
            process.communicate(stdin.encode(errors="replace"), timeout=seconds)
            end = "failed" if process.returncode else "ended"
        except subprocess.TimeoutExpired:
            end = "timeout"
        finally:
            _kill_group(process)
        output.seek(0)
        return Ran(end, output.read(OUTPUT).decode(errors="replace"))


def _limit(seconds: float, memory: int) -> None:
    for limit, value in (
        (resource.RLIMIT_CPU, ceil(seconds)),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, OUTPUT),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
