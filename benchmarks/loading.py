"""What stands between an update and the first token of the next rollout: writing, hashing and loading a policy.

A Qwen2 with random weights; vLLM in the type that is asked for. Prints as rows of a table, in seconds, medians of the
turns: the float32 policy written as an update writes it, without an optimizer's state; a second file in the engine's
type written beside it; both hashed as DVC does; and `engine.load` of the one, of the other, and of tensors that are in
the engine's process already, in both types: the least that a transfer through shared or device memory could take. What
was just written is read from the page cache.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from benchmarks.random_policy import random_policy
from mtpipe.model.policy import load_policy, save_policy
from mtpipe.settings.sampling import Vllm

SIZES = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 12,
    "vocab_size": 50_000,
}
_WEIGHTS = "model.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=__doc__)
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"], help="of the engine")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("names", nargs="*", help=argparse.SUPPRESS)  # of `python -m benchmarks`
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as parent:
        folder = random_policy(Path(parent), SIZES, deviation=5.0)
        _measure(folder, arguments.dtype, arguments.turns)


def _measure(start: Path, dtype: str, turns: int) -> None:
    from mtpipe.sampling.vllm.vllm_engine import VllmEngine

    policy = load_policy(start)
    options = Vllm(dtype=dtype, max_model_len=128, kv_cache_gib=0.1)
    engine = VllmEngine(start, options, batch_size=8)
    count = sum(parameter.numel() for parameter in policy.model.parameters())
    print(f"{count / 1e6:.0f} M parameters, vLLM in {dtype}, {torch.get_num_threads()} threads, {turns} turns\n")
    seconds: dict[str, list[float]] = {}

    def timed(what: str, work: Callable[[], Any]) -> None:
        begin = time.perf_counter()
        work()
        seconds.setdefault(what, []).append(time.perf_counter() - begin)

    master, second = start.parent / "float32", start.parent / "second"
    for _ in range(turns):
        for folder in (master, second):
            _remove(folder)
        timed("write the float32 policy", lambda: save_policy(policy, master, tokenizer_from=start))
        save_policy(policy, second, tokenizer_from=start)
        timed(f"write a second file in {dtype}", lambda: _write_cast(policy.model, second / _WEIGHTS, dtype))
        timed("hash the float32 policy (MD5)", lambda: _hash(master / _WEIGHTS))
        timed("hash the second file", lambda: _hash(second / _WEIGHTS))
        timed("engine.load of the float32 policy", lambda: engine.load(master))
        timed("engine.load of the second file", lambda: engine.load(second))
        for folder, kind in ((master, "float32"), (second, dtype)):
            tensors = load_file(folder / _WEIGHTS)
            timed(f"load of {kind} tensors in memory", lambda tensors=tensors: _from_memory(engine.llm, tensors))
    print("| what | seconds |\n|---|---|")
    for what, found in seconds.items():
        print(f"| {what} | {statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f}) |")
    engine.close()


def _write_cast(model: torch.nn.Module, file: Path, dtype: str) -> None:
    """Tied embeddings once, as `save_pretrained` does."""
    cast = {name: parameter.detach().to(getattr(torch, dtype)) for name, parameter in model.named_parameters()}
    save_file(cast, file)


def _from_memory(llm: Any, tensors: dict[str, torch.Tensor]) -> None:
    llm.collective_rpc(lambda worker: worker.model_runner.reload_weights(weights_iterator=iter(tensors.items())))


def _hash(file: Path) -> None:
    with open(file, "rb") as content:
        hashlib.file_digest(content, "md5").hexdigest()


def _remove(folder: Path) -> None:
    for file in folder.glob("*"):
        file.unlink()
    if folder.exists():
        folder.rmdir()


if __name__ == "__main__":
    main()
