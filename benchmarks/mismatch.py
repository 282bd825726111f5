"""|log-prob of the update - log-prob of the engine| by the temperature that tokens were sampled at, and its picture.

The policy of data/warm_start samples in bfloat16 with the torch engine and, where it is installed, with vLLM, one
response to each of `PROMPTS` problems at each of `TEMPERATURES`; the update scores in float32.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

from mtpipe import paths
from mtpipe.model.policy import load_policy, prepare_torch
from mtpipe.params import Params, load_params
from mtpipe.parity.parity import Parity, compare, described, parity_requests
from mtpipe.records import PROBLEMS, read_rows
from mtpipe.sampling.drawing.requests import SamplingPlan
from mtpipe.sampling.opening import open_engine

PROMPTS = 1000
TEMPERATURES = [0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.7, 2.0]
TOLERANCE = 0.02


def main() -> None:
    params, found = load_params(), {}
    for engine in ["torch", *(["vllm"] if find_spec("vllm") else [])]:
        found[engine] = in_bfloat16(params, engine)
        print(f"{engine}, bfloat16", described(found[engine], TOLERANCE), sep="\n", end="\n\n")
    draw({engine: parity.table for engine, parity in found.items()}, Path("mismatch.svg"))


def in_bfloat16(params: Params, engine: str) -> Parity:
    folder, device = paths.WARM_START / "policy", prepare_torch(params.compute)
    vllm = params.sampling.vllm.model_copy(update={"dtype": "bfloat16"})
    changes = {"engine": engine, "torch_dtype": "bfloat16", "vllm": vllm}
    sampling = params.sampling.model_copy(update=changes)
    problems = read_rows(paths.TRAIN, PROBLEMS)[:PROMPTS]
    requests = list(parity_requests(problems, load_policy(folder), TEMPERATURES))
    plan = SamplingPlan(0, "parity", sampling.max_new_tokens, sampling.batch_size)
    with open_engine(folder, sampling, params.compute, params.ray) as opened:
        rollouts = list(opened.sample(requests, plan))
    return compare(rollouts, folder, params.update, device, TOLERANCE)


def draw(tables: dict[str, list[dict[str, Any]]], target: Path) -> None:
    """Mean and 99.9 % quantile against temperature, a line an engine."""
    figure, axes = pyplot.subplots(figsize=(6.4, 3.6))
    for engine, table in tables.items():
        rows = [row for row in table if row["by"] == "temperature"]
        [mean] = axes.plot([row["low"] for row in rows], [row["mean"] for row in rows], "o-", label=f"{engine}, mean")
        quantiles = [row["quantile"] for row in rows]
        axes.plot([row["low"] for row in rows], quantiles, "^--", color=mean.get_color(), label=f"{engine}, 99.9 %")
    axes.set(
        yscale="log", xlabel="temperature", ylabel="|Δ log p|, nats", title="sampled in bfloat16, scored in float32"
    )
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(target, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main()
