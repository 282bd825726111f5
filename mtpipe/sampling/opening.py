"""Opens the sampling engine that params.yaml asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from mtpipe.errors import MtpipeError
from mtpipe.model.policy import pick_device, prepare_torch
from mtpipe.params import Params
from mtpipe.sampling.engine import Engine

INSTALL = "install it with `make setup-vllm`"


@contextmanager
def open_engine(params: Params, folder: Path) -> Iterator[Engine]:
    """The engine that `sampling.engine` names, with the policy in a folder loaded."""
    engine = _open(params, folder) if params.ray.workers is None else _open_workers(params, folder, params.ray.workers)
    try:
        yield engine
    finally:
        engine.close()


def _open(params: Params, folder: Path) -> Engine:
    if _uses_vllm(params):
        if not find_spec("vllm"):
            raise MtpipeError(f"params.yaml: sampling.engine is 'vllm', but vLLM is missing; {INSTALL}")
        from mtpipe.sampling.vllm.vllm_engine import VllmEngine

        return VllmEngine(folder, params.sampling.vllm, params.sampling.batch_size)
    from mtpipe.sampling.torch_engine import TorchEngine

    return TorchEngine.open(folder, prepare_torch(params.compute))


def _open_workers(params: Params, folder: Path, count: int) -> Engine:
    from mtpipe.sampling.ray_engine import RayEngine, Workers

    on_gpu = pick_device(params.compute).type == "cuda"
    gpus = (params.sampling.vllm.tensor_parallel_size if _uses_vllm(params) else 1) if on_gpu else 0
    workers = Workers(count, params.compute.threads, gpus, params.ray.address)
    return RayEngine(folder, partial(_open, params), workers)


def _uses_vllm(params: Params) -> bool:
    if params.sampling.engine == "auto":
        return find_spec("vllm") is not None and pick_device(params.compute).type == "cuda"
    return params.sampling.engine == "vllm"
