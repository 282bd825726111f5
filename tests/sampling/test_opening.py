"""Which stages share an engine: with adapters those of all chains on the CPU, and those of one chain on a GPU."""

import os
from types import SimpleNamespace

import pytest
import torch

from mtpipe.owner import OWNER, SHARED, SLOT
from mtpipe.sampling import opening

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("trained", ["adapter", "weights"])
def test_an_engine_stays_for_its_chain_and_with_adapters_on_the_cpu_for_all(
    adapter_folder, base, params, monkeypatch, device, trained
):
    """On a GPU an update has its chain's engine sleep, which it finds by the slot."""
    opened = []

    def resident(folder, settings, compute, home, engines, stays):
        opened.append((home.slot, engines, stays))
        return SimpleNamespace(close=lambda: None)

    monkeypatch.setenv(OWNER, str(os.getpid()))
    monkeypatch.setenv(SLOT, "2")
    monkeypatch.setattr(opening, "pick_device", lambda compute: torch.device(device))
    monkeypatch.setattr(opening, "find_spec", lambda name: True)
    monkeypatch.setattr(opening, "ResidentEngine", resident)
    settings = params.sampling.model_copy(update={"engine": "vllm"})
    with opening.open_engine(adapter_folder if trained == "adapter" else base, settings, params.compute, params.ray):
        pass
    assert opened == [(SHARED if (device, trained) == ("cpu", "adapter") else "2", 1, True)]
