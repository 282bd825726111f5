"""Progress: bars on standard error, and metrics for whoever listens."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Any

from tqdm import tqdm

Listener = Callable[[str, Mapping[str, Any], int], None]
"""Takes some metrics: their section, the metrics, and the step they belong to."""

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Has a function called with all that this process tells of its progress from now on."""
    _listeners.append(listener)


def tell(section: str, metrics: Mapping[str, Any], step: int) -> None:
    """Tells whoever listens; no result may depend on it."""
    for listener in _listeners:
        listener(section, metrics, step)


def progress_bar(items: int | Iterable[Any], what: str, counting: str, shown: bool = True) -> tqdm:
    """A bar on standard error over a number of items, or over items that it then iterates, sized or not.

    Where standard error is a file or a pipe, it prints a line now and then.
    """
    interactive = sys.stderr.isatty()
    iterable = None if isinstance(items, int) else items
    total = items if isinstance(items, int) else len(items) if isinstance(items, Sized) else None
    interval = 0.2 if interactive else 5.0
    return tqdm(
        iterable,
        total=total,
        desc=what,
        unit=f" {counting}",
        mininterval=interval,
        leave=interactive,
        disable=not shown,
    )
