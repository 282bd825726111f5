"""Kernels on a GPU, or by Triton's interpreter where there is none."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from typing import Any

import pytest
import torch

needs_triton = pytest.mark.skipif(not find_spec("triton"), reason="Triton is missing; it comes with torch for CUDA")


@contextmanager
def run_by_triton() -> Iterator[Callable[..., Any]]:
    """What calls a function with arguments where its kernels run.

    Triton decides as it is imported whether it interprets, so without a GPU that is in a process of its own.
    """
    if torch.cuda.is_available():
        yield lambda function, *arguments: _moved(function(*_moved(arguments, "cuda")), "cpu")
        return
    with pytest.MonkeyPatch.context() as patch, ProcessPoolExecutor(1, get_context("spawn")) as process:
        patch.setenv("TRITON_INTERPRET", "1")
        process.submit(int).result()
        patch.undo()
        yield lambda function, *arguments: process.submit(function, *arguments).result(timeout=120)


def _moved(values: Any, device: str) -> Any:
    if isinstance(values, torch.Tensor):
        return values.to(device)
    if isinstance(values, tuple | list):
        moved = [_moved(value, device) for value in values]
        return type(values)(*moved) if hasattr(values, "_fields") else type(values)(moved)
    return values
