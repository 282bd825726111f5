"""Which DVC commands are at work in this project, alive or not, from the file in which DVC claims paths."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLAIMS = Path(".dvc") / "tmp" / "rwlock"
RUN_CACHE = Path(".dvc") / "cache" / "runs"
"""Where DVC remembers which outputs a command made from which inputs, unless its configuration has another place."""


@dataclass(frozen=True, order=True)
class Worker:
    """A process that has claimed files of the project."""

    pid: int
    command: str

    @property
    def alive(self) -> bool:
        return Path(f"/proc/{self.pid}").exists()


def claims_are_cut() -> bool:
    """Whether DVC was killed while it wrote its claims, so that it cannot read them."""
    try:
        json.loads(CLAIMS.read_text())
    except OSError:
        return False
    except ValueError:
        return True
    return False


def workers() -> list[Worker]:
    """The processes that hold a claim; none where DVC's file is missing or unreadable."""
    try:
        held = json.loads(CLAIMS.read_text())
    except (OSError, ValueError):
        return []
    claims = [info for kind in ("write", "read") for value in held.get(kind, {}).values() for info in _listed(value)]
    return sorted({Worker(info["pid"], info["cmd"]) for info in claims})


def workers_said() -> str:
    """Who works here and what to do about it, or nothing if nobody is known to."""
    found = [worker for worker in workers() if worker.alive]
    named = ", ".join(f"process {worker.pid} ({worker.command})" for worker in found)
    return f"{named}; wait for it to end, or end it with `kill {found[0].pid}`" if found else ""


def _listed(value: object) -> Iterator[dict[str, Any]]:
    for info in value if isinstance(value, list) else [value]:
        if isinstance(info, dict) and {"pid", "cmd"} <= info.keys():
            yield info
