"""Progress: bars on standard error, and metrics for whoever listens."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sized
from functools import lru_cache
from typing import Any

from tqdm import tqdm

Listener = Callable[[str, Mapping[str, Any], int], None]
"""Takes some metrics: their section, the metrics, and the step they belong to."""

_SECONDS_BETWEEN_ASKING = 10.0
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


def token_bar(responses: int, what: str) -> tqdm:
    """A bar over responses that are being sampled, for `show_tokens`.

    It has no time that is left: responses of one batch end together, so the first of them say nothing about the rest.
    """
    bar = progress_bar(responses, what, "responses")
    bar.bar_format = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} responses [{elapsed}{postfix}]"
    return bar


def show_tokens(bar: tqdm, tokens: int) -> None:
    """Has the bar show the tokens that are sampled so far, their rate, and a GPU's memory in use, at its next line."""
    if time.time() - bar.last_print_t < bar.mininterval:
        return
    seconds = max(bar.format_dict["elapsed"], 1e-3)
    told = [f"{tokens:,} tokens", f"{tokens / seconds:,.0f} tokens/s", gpu_memory()]
    bar.set_postfix_str(", ".join(filter(None, told)), refresh=False)


def gpu_memory() -> str:
    """`GPU 12.3 of 80.0 GB`: of the whole device, because an engine may be a process of its own; "" without a GPU."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        free, total = torch.cuda.mem_get_info()
        return f"GPU {(total - free) / 1e9:.1f} of {total / 1e9:.1f} GB"
    return _gpu_of_others(int(time.monotonic() / _SECONDS_BETWEEN_ASKING))


@lru_cache(maxsize=1)
def _gpu_of_others(moment: int) -> str:
    """The same for a device that another process computes on, where this one only waits; asked once in a while."""
    device = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    if not device or shutil.which("nvidia-smi") is None:
        return ""
    query = ["nvidia-smi", "-i", device, "--query-gpu=memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        ended = subprocess.run(query, capture_output=True, text=True, check=True, timeout=_SECONDS_BETWEEN_ASKING)
        used, total = (float(each) * 2**20 / 1e9 for each in ended.stdout.split(","))
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return f"GPU {used:.1f} of {total:.1f} GB"
