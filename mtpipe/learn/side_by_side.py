"""A batch's gradient on all cores of a CPU, the same to the last bit for every number of them.

Torch's own threads divide each operation, which leaves cores idle where operations are small, and rounds differently
for another number of threads. Here a batch is computed in parts of a fixed size, each on one core, and their gradients
are summed in the order of the parts.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import Parameter

Part = TypeVar("Part")


@contextmanager
def one_thread_a_core(device: torch.device) -> Iterator[Executor]:
    """Threads in which torch computes with one core each, as many as there are cores; on a GPU one thread."""
    if device.type == "cpu":
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
    else:
        pool = ThreadPoolExecutor(1)
    with pool:
        yield pool


def add_gradients(
    parameters: Sequence[Parameter], loss_of: Callable[[Part], Tensor], parts: Sequence[Part], threads: Executor
) -> float:
    """Adds the gradient of the sum of the parts' losses to the parameters, and returns that sum."""

    def of_part(part: Part) -> tuple[float, tuple[Tensor, ...]]:
        loss = loss_of(part)
        return loss.item(), torch.autograd.grad(loss, parameters, allow_unused=True)

    total = 0.0
    for loss, gradients in threads.map(of_part, parts):
        total += loss
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if parameter.grad is None:
                parameter.grad = gradient
            elif gradient is not None:
                parameter.grad += gradient
    return total
