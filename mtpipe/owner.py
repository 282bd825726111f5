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

from mtpipe import paths
from mtpipe.devices import DEVICES

OWNER = "MTPIPE_OWNER"
"""Names the process whose stages share servers. Without it that is the one that started a stage; the launcher sets it
for the stage."""
SLOT = "MTPIPE_SLOT"
"""Tells chains apart that run side by side and belong to one owner: each has an engine of its own."""
SHARED = "shared"
"""In the place of a slot's number, for what the chains of all slots share."""
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
        fields = _status(number)
        return cls(number, int(fields[19])) if fields else None

    @classmethod
    def current(cls) -> "Process | None":
        """None without Linux's /proc."""
        return cls.of(os.getpid())

    def is_alive(self) -> bool:
        return Process.of(self.number) == self

    def session(self) -> list[int]:
        """The living processes of the session that this one began: it and what it has started, which may outlive it."""
        found = Process.of(self.number)
        if found is not None and found != self:
            return []  # the kernel gives no number away that a session still has
        others = [int(place.name) for place in Path("/proc").glob("[0-9]*")]
        return [number for number in others if _session(number) == self.number]

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


@dataclass(frozen=True)
class EngineHome:
    """Where the resident engines of one owner are: sockets in a folder that only this user can enter.

    An owner has other ones for each project, slot and choice of devices, and others again that all slots share. Their
    names begin with the project's digest and the owner, so that those which a killed owner has left can be found.
    """

    owner: Process
    folder: Path
    slot: str = ""

    def address(self, index: int) -> Path:
        """The socket of one of the engines that share the sampling, counted from 0."""
        return self.folder / f"{self._name}.{index}.engine"

    def log(self, index: int) -> Path:
        """What that engine writes to its standard streams."""
        return paths.engine_log(self.slot or "0", index)

    def addresses(self) -> list[Path]:
        """The sockets that are there."""
        return sorted(self.folder.glob(f"{self._name}.*.engine"))

    @property
    def in_use(self) -> Path:
        """Locked by who uses the engines' device (`mtpipe.sampling.resident.device_turns`)."""
        return self.folder / f"{self._name}.in_use"

    @property
    def wanted(self) -> Path:
        """Locked by who waits to have it alone."""
        return self.folder / f"{self._name}.wanted"

    @property
    def _name(self) -> str:
        place = "\n".join([self.slot, os.environ.get(DEVICES, "")])
        return f"{project_name()}.{self.owner}.{_short(place)}"


def engine_home(shared: bool = False) -> EngineHome | None:
    """Where the stages of a chain, or of all chains, share engines; None if that is switched off or cannot be."""
    named = os.environ.get(OWNER, "")
    if os.environ.get(RESIDENT) == "0" or not named.isdecimal():
        return None
    return home_of(Process.of(int(named)), SHARED if shared else os.environ.get(SLOT, ""))


def home_of(owner: Process | None, slot: str = "") -> EngineHome | None:
    """Where an owner has engines; None if there is no such process, or no folder with a path short enough for it."""
    folder = private_folder()
    if owner is None or folder is None:
        return None
    home = EngineHome(owner, folder, slot)
    return home if len(os.fsencode(home.address(999))) <= _LONGEST_ADDRESS else None


def project_name() -> str:
    """A short name of the project in the working directory."""
    return _short(os.path.realpath(os.getcwd()))


def _short(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:12]


def _session(number: int) -> int | None:
    """The session of a living process."""
    fields = _status(number)
    return int(fields[3]) if fields else None


def _status(number: int) -> list[str]:
    """The fields of /proc's stat from the third on; none if the process has ended, whether it was waited for or not."""
    try:
        # The second field is the program's name in brackets, which may hold anything.
        fields = Path(f"/proc/{number}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
    return fields if len(fields) > 19 and fields[0] not in "ZX" else []
