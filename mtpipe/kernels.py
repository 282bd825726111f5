"""Whether kernels of our own run on a device."""

from functools import cache
from importlib.util import find_spec

import torch


@cache
def has_kernels(device: torch.device) -> bool:
    """Triton comes with torch for CUDA; elsewhere plain torch computes the same."""
    return device.type == "cuda" and find_spec("triton") is not None
