"""What a judging process may not do: the layers that it puts on before it reads hostile text.

In the order in which they are put on:

* as root it becomes nobody, so that it can neither touch the user's files nor raise a limit again;
* the kernel's limits: memory, CPU time, no byte written to a file, no core dump, no new process (not enforced for
  root), and **no file descriptor beyond standard input, output and error**: so no file is opened, created or read, no
  socket or pipe is made, and no program that is executed can load its libraries;
* no privileges from set-uid programs, and an end with its parent (Linux);
* Python's audit hook, which cannot be taken off: compiling or executing source text, importing, opening, sockets, new
  processes and signals raise.

Beside them a judge starts a timer of CPU time for each answer, at whose end the kernel ends it, in C code or not.

What this does not cover. It is no virtual machine: memory-safety faults in Python, in C extensions or in the kernel
are not contained. Where the process is not root and no new privilege is to be had, machine code (not Python) that ran
in it could signal or trace other processes of the same user; file names and meta-data can be looked at without a
descriptor; and time-of-use channels, such as being slow on purpose, exist. Outside Linux the limits on memory and
processes may not hold. A judging process that was taken over could give wrong verdicts, until it is replaced, which
happens after every fault and every 500 answers; it cannot make its parent run anything, because the parent reads JSON
with three checked fields from it.
"""

import ctypes
import os
import resource
import signal
import sys
from typing import Any

CPU_SECONDS = 3600
_NOBODY = 65534
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_FORBIDDEN = (
    "compile", "exec", "open", "socket.", "subprocess.", "os.", "shutil.", "ctypes.", "pty.", "signal.",
    "marshal.", "pickle.", "code.", "gc.", "sqlite3.", "urllib.", "tempfile.", "mmap.", "syslog.",
)  # fmt: skip


def end_with_parent(by: signal.Signals) -> None:
    """Has the kernel send this process a signal when its parent ends, however it ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by, 0, 0, 0)


def lock_down(memory_bytes: int) -> None:
    """Puts every layer on this process, for good. `memory_bytes` bounds its whole address space.

    Everything that judging imports has to be loaded before, and nothing but the standard streams may be open.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.closerange(3, 256)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    end_with_parent(signal.SIGKILL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 3),
    ):
        resource.setrlimit(limit, (value, value))
    sys.addaudithook(refuse)


def limit_cpu(seconds: float) -> None:
    """Ends this process once it has worked for so long from now on. The kernel does it: no Python has to run for it."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "import":
        raise ImportError(f"importing {arguments[0]} is not allowed while judging")
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"{event} is not allowed while judging")
