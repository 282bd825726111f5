"""Host memory of an update: all weights, an adapter, and one on a base in 4 bits, of a model whose weights dominate.

75 million weights, hidden size 768, 8 layers, float32, on the CPU; each kind in a process of its own, which samples 8
responses and takes one optimizer step. What is counted is the process's resident memory beyond what it had before the
policy was loaded: after the load, and at its highest in the step. The load itself, for which the base is in memory in
float32, is not counted.
"""

import ctypes
import gc
import subprocess
import sys
import tempfile
from pathlib import Path

from mtpipe.settings.model import NF4, Lora

HIDDEN, LAYERS, HEADS = 768, 8, 12
KINDS = {"all weights": None, "adapter": Lora(rank=16), "adapter, base in nf4": Lora(rank=16, base=NF4)}


def main() -> None:
    from mtpipe.model.adapter_policy import new_adapter
    from mtpipe.model.policy import new_checkpoint
    from mtpipe.params import Params

    with tempfile.TemporaryDirectory() as place:
        base = Path(place) / "all weights"
        sizes = Params().model.model_copy(update={"hidden_size": HIDDEN, "layers": LAYERS, "heads": HEADS})
        new_checkpoint(base, sizes, None, max_positions=128)
        for kind, lora in KINDS.items():
            folder = Path(place) / kind
            if lora is not None:
                new_adapter(base, folder, lora, seed=0)
            command = [sys.executable, "-m", "benchmarks.qlora", str(folder)]
            print(
                f"{kind:22} {subprocess.run(command, check=True, capture_output=True, text=True).stdout}",
                end="",
                flush=True,
            )


def _measure(folder: Path) -> None:
    import bitsandbytes  # noqa: F401  # libraries do not count
    import peft  # noqa: F401
    import torch
    from tqdm import tqdm

    from mtpipe.learn.batching.groups import join_groups
    from mtpipe.learn.batching.steps import optimizer_steps
    from mtpipe.learn.state.learner import Learner
    from mtpipe.learn.update import update_policy
    from mtpipe.params import Params
    from mtpipe.sampling.drawing.requests import Request, SamplingPlan
    from mtpipe.sampling.torch_engine import sample
    from mtpipe.temperature.rules.uniform import ResolvedUniform

    before = _resident("VmRSS")
    settings = Params().update_of("uniform")
    learner = Learner.load(folder, settings, torch.device("cpu"), folder)
    loaded = _resident("VmRSS")
    ids, rule = learner.policy.encode("2+9*3-4>"), ResolvedUniform(temperature=1.0)
    requests = [Request(f"p{index // 4}", index % 4, ids, 1.0, rule) for index in range(8)]
    rollouts = list(sample(learner.policy, requests, SamplingPlan(0, "round 0", 16, 8)))
    verdicts = [
        {"problem_id": one.problem_id, "sample": one.sample, "reward": one.sample % 2, "verdict": "wrong"}
        for one in rollouts
    ]
    steps = optimizer_steps(join_groups(rollouts, verdicts, 4), settings, 16)
    _give_back()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    update_policy(learner, steps, tqdm(disable=True))
    print(f"{loaded - before:8.0f} MB loaded, {_resident('VmHWM') - before:8.0f} MB at its highest in a step")


def _resident(key: str) -> float:
    """MB, after free memory has gone back to the system."""
    _give_back()
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) / 1000


def _give_back() -> None:
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)


if __name__ == "__main__":
    if sys.argv[1:]:
        _measure(Path(sys.argv[1]))
    else:
        main()
