"""AdamW with its two moments in 8 bits (torchao, after arXiv 2110.02861), and how safetensors hold such a moment.

A moment is one byte an element and one float32 scale for each block of 256. torchao keeps the moments of small
tensors (below 4096 elements) and of those that are no whole number of blocks in float32.
"""

import logging
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import Parameter

from mtpipe.errors import MtpipeError

INSTALL = "pip install -e '.[eightbit]'"


def adamw_8bit(
    parameters: Iterable[Parameter], lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.Optimizer:
    """Raises MtpipeError if torchao is not installed."""
    logging.getLogger("torchao").setLevel(logging.ERROR)  # it warns of each CUDA library that a CPU cannot load
    try:
        from torchao.optim import AdamW8bit
    except ImportError as error:
        raise MtpipeError(f"update.optimizer is adamw_8bit, which needs torchao ({error}); {INSTALL}") from error
    return AdamW8bit(parameters, lr=lr, betas=betas, weight_decay=weight_decay)


def new_moment(optimizer: torch.optim.Optimizer, parameter: Parameter, signed: bool) -> Tensor:
    """A moment of zeros, in 8 bits where torchao keeps this parameter's so."""
    return optimizer._new_buffer(parameter, signed)  # type: ignore[attr-defined]  # torchao has no public way


def to_tensors(moment: Tensor) -> dict[str, Tensor]:
    """The plain tensors of a moment, by the ending of their name; a float32 moment is its own, without ending."""
    codes, scale = getattr(moment, "codes", None), getattr(moment, "scale", None)
    return {"": moment} if codes is None or scale is None else {".codes": codes, ".scale": scale}


def from_tensors(tensors: dict[str, Tensor], name: str, signed: bool) -> Tensor:
    """The moment that `to_tensors` took apart. Raises KeyError if `tensors` has no moment of that name."""
    if f"{name}.codes" not in tensors:
        return tensors[name]
    from torchao.optim.subclass_8bit import OptimState8bit

    codes = tensors[f"{name}.codes"]
    table = OptimState8bit.zeros((1, 256), signed, dtype=torch.float32).qmap
    return OptimState8bit(codes, tensors[f"{name}.scale"], table, signed, torch.float32)
