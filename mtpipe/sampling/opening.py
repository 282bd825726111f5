"""Opens the sampling engine that params.yaml asks for."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mtpipe.errors import MtpipeError
from mtpipe.model.adapter_folder import is_adapter
from mtpipe.model.policy import pick_device, prepare_torch
from mtpipe.owner import EngineHome, Process, engine_home, home_of
from mtpipe.sampling.engine import Engine
from mtpipe.sampling.resident.client import ResidentEngine
from mtpipe.settings.model import Compute
from mtpipe.settings.sampling import EngineSettings, Ray

if TYPE_CHECKING:
    from mtpipe.sampling.torch_engine import TorchEngine
    from mtpipe.sampling.vllm.vllm_engine import VllmEngine

INSTALL = "install it with `make setup-vllm`"


@contextmanager
def open_engine(folder: Path, settings: EngineSettings, compute: Compute, ray: Ray) -> Iterator[Engine]:
    """The engine that `sampling.engine` names, with the policy in a folder loaded; several of them if `ray` asks.

    vLLM, which takes long to start, stays for the following stages, if the launcher has started this one; with adapters
    on the CPU for those of all chains, and on a GPU for those of the chains that share it. Several of them that share
    the responses are in processes of their own in any case; those that may not stay end with this.
    """
    with_vllm = uses_vllm(settings, compute)
    engines = settings.vllm.data_parallel if with_vllm else 1
    shared = with_vllm and is_adapter(folder) and pick_device(compute).type == "cpu"
    home = engine_home(shared) if with_vllm else None
    if ray.workers is not None:
        engine = _open_workers(folder, settings, compute, ray, ray.workers)
    elif (home is not None or engines > 1) and find_spec("vllm"):
        _leave_device()
        engine = ResidentEngine(folder, settings, compute, home or _own_home(), engines, stays=home is not None)
    else:
        engine = open_here(settings, compute, folder)
    try:
        yield engine
    finally:
        engine.close()


def _own_home() -> EngineHome:
    home = home_of(Process.current())
    if home is None:
        raise MtpipeError(
            "params.yaml: sampling.vllm.data_parallel needs Linux's /proc and a folder for sockets in TMPDIR that only "
            "you can enter, with a short path; set it to 1, or TMPDIR to such a folder"
        )
    return home


def _leave_device() -> None:
    """What a model of this process has had of a GPU is kept for its next one, and would be missing in the engine's."""
    gc.collect()
    torch.cuda.empty_cache()


def open_here(
    settings: EngineSettings, compute: Compute, folder: Path, resting: bool = False
) -> "TorchEngine | VllmEngine":
    """The engine in this process; `resting` if it is to give a GPU's memory back between stages."""
    if uses_vllm(settings, compute):
        if not find_spec("vllm"):
            raise MtpipeError(f"params.yaml: sampling.engine is 'vllm', but vLLM is missing; {INSTALL}")
        from mtpipe.sampling.vllm.vllm_engine import VllmEngine

        return VllmEngine(folder, settings.vllm, settings.batch_size, resting)
    from mtpipe.sampling.torch_engine import TorchEngine

    return TorchEngine.open(folder, prepare_torch(compute), getattr(torch, settings.torch_dtype))


def _open_workers(folder: Path, settings: EngineSettings, compute: Compute, ray: Ray, count: int) -> Engine:
    from mtpipe.sampling.ray_engine import RayEngine, Workers

    on_gpu = pick_device(compute).type == "cuda"
    gpus = (settings.vllm.tensor_parallel_size if uses_vllm(settings, compute) else 1) if on_gpu else 0
    workers = Workers(count, compute.threads, gpus, ray.address)
    return RayEngine(folder, partial(open_here, settings, compute), workers)


def uses_vllm(settings: EngineSettings, compute: Compute) -> bool:
    """Whether `sampling.engine` asks for vLLM, which samples models that the torch engine cannot."""
    if settings.engine == "auto":
        return find_spec("vllm") is not None and pick_device(compute).type == "cuda"
    return settings.engine == "vllm"
