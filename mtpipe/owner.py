"""The process that the stages of one run have in common, and where the servers meet them that live as long as it.

There are two such servers: `mtpipe.run.preload`, which stages are forked from, and `mtpipe.sampling.resident`, whose
sampling engine they share. Both need Linux's /proc and a folder that only this user can enter.
"""

import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

OWNER = "MTPIPE_OWNER"
"""Names the process whose stages share servers. Without it that is the one that started a stage; the launcher sets it
for the stage."""
SLOT = "MTPIPE_SLOT"
"""Tells chains apart that run side by side and belong to one owner: each has an engine of its own."""
RESIDENT = "MTPIPE_RESIDENT"
"""0: every stage starts its own engine."""

_LONGEST_ADDRESS = 107
"""Bytes that Linux allows a socket's path."""


@dataclass(frozen=True)
class Process:
    """A process, told from a later one with the same number by its start (clock ticks since boot)."""

    number: int
    started: int

    @classmethod
    def of(cls, number: int) -> "Process | None":
        """None if there is no such process; one that was killed and that nobody has waited for is none either."""
        try:
            # The second field is the program's name in brackets, which may hold anything.
            fields = Path(f"/proc/{number}/stat").read_text(errors="replace").rpartition(")")[2].split()
            return cls(number, int(fields[19])) if fields[0] not in "ZX" else None
        except (OSError, IndexError, ValueError):
            return None

    def is_alive(self) -> bool:
        return Process.of(self.number) == self

    def __str__(self) -> str:
        return f"{self.number}-{self.started}"

    @classmethod
    def read(cls, text: str) -> "Process":
        """From what `str` wrote; raises ValueError for anything else."""
        number, started = text.split("-")
        return cls(int(number), int(started))


def find_owner() -> int:
    """The process that the stages have in common, dvc as a rule: the nearest ancestor that is not a shell."""
    named = os.environ.get(OWNER, "")
    if named.isdecimal() and Path(f"/proc/{named}").exists():
        return int(named)
    pid = os.getppid()
    while pid > 1:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        if status["Name"] not in ("sh", "bash", "dash", "zsh"):
            return pid
        pid = int(status["PPid"])
    return os.getppid()


def private_folder() -> Path | None:
    """A folder for sockets that only this user can enter; None if there can be no such folder."""
    folder = Path(tempfile.gettempdir()) / f"mtpipe-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or folder.is_symlink():
        return None
    return folder


def engine_socket() -> Path | None:
    """Where this stage's chain has its resident engine; None if it is switched off or can have none.

    One owner has one for each project, slot and choice of devices. The name begins with the project's digest and the
    owner, so that those which a killed owner has left can be found.
    """
    named = os.environ.get(OWNER, "")
    if os.environ.get(RESIDENT) == "0" or not named.isdecimal():
        return None
    owner, folder = Process.of(int(named)), private_folder()
    if owner is None or folder is None:
        return None
    place = "\n".join([os.environ.get(SLOT, ""), os.environ.get("CUDA_VISIBLE_DEVICES", "")])
    socket = folder / f"{project_name()}.{owner}.{_short(place)}.engine"
    return socket if len(os.fsencode(socket)) <= _LONGEST_ADDRESS else None


def project_name() -> str:
    """A short name of the project in the working directory."""
    return _short(os.path.realpath(os.getcwd()))


def _short(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:12]
