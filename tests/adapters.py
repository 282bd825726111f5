"""Adapters as an update may leave them, made without one."""

from pathlib import Path

import pytest
import torch

from mtpipe.model.adapter import adapter_parameters
from mtpipe.model.adapter_policy import new_adapter
from mtpipe.model.nf4 import INSTALL
from mtpipe.model.policy import Policy, load_policy, save_policy
from mtpipe.settings.model import Lora


def needs_bitsandbytes() -> None:
    """Skips the test where the optional package is missing."""
    pytest.importorskip("bitsandbytes", reason=f"bitsandbytes is absent: {INSTALL}")


def moved(folder: Path, target: Path, seed: int = 0) -> Policy:
    """The policy of a folder, written into another one with weights in its adapter that change its base by much."""
    policy = load_policy(folder)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in adapter_parameters(policy.model).values():
            parameter.copy_(0.12 * torch.randn(parameter.shape, generator=generator))
    save_policy(policy, target, tokenizer_from=folder)
    return policy


def trained_adapter(base: Path, folder: Path, seed: int, lora: Lora | None = None) -> Path:
    """Such an adapter on a base, in a new folder."""
    start = folder.with_name(f".{folder.name}")
    new_adapter(base, start, lora or Lora(rank=12), seed)
    moved(start, folder, seed)
    return folder
