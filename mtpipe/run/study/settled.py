"""Whether all files are what they were when the whole study was up to date: then nothing has to run.

DVC takes a file that it has hashed for unchanged by its number, size and time of change. Here the same is asked of all
files at once, without DVC, whose import and look at each stage take seconds.
"""

import json
import os
import stat
from collections.abc import Iterable

from mtpipe import paths
from mtpipe.files import write_text

SETTLED = paths.CHAINS / "settled.json"
UP_TO_DATE = "everything is up to date"

Seen = dict[str, list[int] | None]
"""Of a path number and time of change in nanoseconds, of a file its size too; None if nothing is there.

The time of a folder changes with every file that comes or goes.
"""


def see(files: Iterable[str]) -> Seen:
    """Looks at files and folders, given as paths relative to the project's root."""
    return {path: _seen(path) for path in files}


def is_settled() -> bool:
    """Whether nothing has changed since `settle`."""
    try:
        seen: Seen = json.loads(SETTLED.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return all(_seen(path) == found for path, found in seen.items())


def settle(seen: Seen) -> None:
    """Keeps what was seen before all stages turned out to be up to date."""
    write_text(SETTLED, json.dumps(seen) + "\n")


def unsettle() -> None:
    SETTLED.unlink(missing_ok=True)


def _seen(path: str) -> list[int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    size = [] if stat.S_ISDIR(found.st_mode) else [found.st_size]
    return [found.st_ino, found.st_mtime_ns, *size]
