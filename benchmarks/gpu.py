"""What only a machine with a GPU can show of a resident engine: `python -m benchmarks.gpu`, once, by a person.

Prints, as the rows of a table, the seconds that vLLM takes to start, to fall asleep, to wake with a policy, and to load
one while awake; the device memory it holds awake and asleep; tokens a second with the token rule and without; and then
one round of a profile cut short: a rollout of few prompts, the engine asleep, an update of few steps by the profile's
settings, its policy written, and the engine awake with it.

The model is a checkpoint in FOLDER, or one of Qwen2.5-Math-1.5B's sizes with random weights. Random responses all have
the greatest length, and rewards are drawn. On the CPU build the rows of sleep say that it has none.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.random_policy import QWEN_1_5B, random_policy
from benchmarks.vllm import by_vllm
from mtpipe.learn.batching.groups import join_groups
from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.learn.state.checkpoint import checkpoint
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.update import update_policy
from mtpipe.model.policy import load_policy, prepare_torch
from mtpipe.params import Params, load_params
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold

_PROMPT = "What is {} times 23? Reason step by step.\n"
_RULE = ResolvedEntropyThreshold(low=1.0, high=1.2, threshold=0.5)

Row = tuple[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="a checkpoint; default: random weights")
    parser.add_argument("--params", type=Path, default=Path("profiles/qwen2.5-math-1.5b.yaml"))
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--sequences", type=int, default=256, help="sampled at once")
    parser.add_argument("--tokens", type=int, default=512, help="of each response")
    parser.add_argument("--prompts", type=int, default=64, help="of the round")
    parser.add_argument("--steps", type=int, default=2, help="of its update")
    arguments = parser.parse_args()
    params = load_params(arguments.params)
    params = params.model_copy(update={"compute": params.compute.model_copy(update={"device": arguments.device})})
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    with tempfile.TemporaryDirectory() as parent:
        folder = arguments.folder or random_policy(Path(parent), QWEN_1_5B, deviation=5.0)
        print(f"{device}, {arguments.folder or 'random weights'}, {arguments.params}\n\n| what | |\n|---|---|")
        rows = chain(
            engine_rows(folder, params, arguments.sequences, arguments.tokens),
            round_rows(folder, Path(parent), params, arguments.prompts, arguments.tokens, arguments.steps),
        )
        for what, found in rows:
            print(f"| {what} | {found} |", flush=True)


def engine_rows(folder: Path, params: Params, count: int, tokens: int) -> Iterator[Row]:
    """vLLM alone, with so many sequences of so many tokens."""
    seconds, engine = _timed(lambda: _open(folder, params, count))
    yield "start", _seconds(seconds)
    prompts = [engine.vocabulary.encode(_PROMPT.format(17))] * count
    plan = SamplingPlan(0, "benchmark", tokens, count)
    requests = [Request("p", index, prompt, 1.0, _RULE) for index, prompt in enumerate(prompts)]

    def with_rule() -> None:
        assert len(list(engine.sample(requests, plan))) == count

    def without() -> None:
        assert by_vllm(engine.llm, prompts, max_tokens=tokens, logprobs=0) == count * tokens

    yield "first sampling, with what it compiles and captures", _seconds(_timed(with_rule)[0])
    for what, sample in (("with the rule", with_rule), ("without, with log-probs", without)):
        best = min(_timed(sample)[0] for _ in range(3))
        yield f"tokens a second {what}, {count} sequences of {tokens}", f"{count * tokens / best:,.0f}"
    yield "load while awake", _seconds(_timed(lambda: engine.load(folder))[0])
    yield from _memory("the engine is awake")
    yield from _sleep(engine)
    yield "wake, with the load of a policy", _seconds(_timed(lambda: engine.load(folder))[0])
    yield "first sampling after it", _seconds(_timed(with_rule)[0])
    engine.close()


def round_rows(
    folder: Path, parent: Path, params: Params, prompts: int, tokens: int, steps: int, open_engine: Any = None
) -> Iterator[Row]:
    """One round, cut to so many prompts, tokens a response and optimizer steps; it writes its policy into `parent`."""
    engine = (open_engine or _open)(
        folder, params, min(params.sampling.batch_size, prompts * params.sampling.group_size)
    )
    start = time.perf_counter()
    size = params.sampling.group_size
    requests = [
        Request(str(prompt), sample, engine.vocabulary.encode(_PROMPT.format(prompt)), 1.0, _RULE)
        for prompt in range(prompts)
        for sample in range(size)
    ]
    plan = SamplingPlan(0, "round 0", tokens, params.sampling.batch_size)
    seconds, rollouts = _timed(lambda: list(engine.sample(requests, plan)))
    count = sum(len(rollout.response_ids) for rollout in rollouts)
    yield f"round: rollout, {prompts} prompts x {size} of {tokens} tokens", _rate(seconds, count)
    yield from _sleep(engine, "round: ")
    yield from _update_rows(folder, parent, params, rollouts, -(-prompts // steps))
    torch.cuda.empty_cache()
    yield "round: wake, with the load of the new policy", _seconds(_timed(lambda: engine.load(parent / "next"))[0])
    yield "round: in all, without judging and DVC", _seconds(time.perf_counter() - start)
    engine.close()


def _open(folder: Path, params: Params, count: int) -> Any:
    from mtpipe.sampling.vllm.vllm_engine import VllmEngine

    engine = VllmEngine(folder, params.sampling.vllm, count, resting=True)
    engine.vocabulary = replace(engine.vocabulary, stop_ids=())  # nothing stops a response
    return engine


def _update_rows(
    folder: Path, parent: Path, params: Params, rollouts: list[Rollout], prompts_per_step: int
) -> Iterator[Row]:
    """One response in three is right. Log-probs recorded of random weights may be at any distance from the update's."""
    cut = {"prompts_per_step": prompts_per_step, "logprob_tolerance": 1e9}
    settings, device = params.update.model_copy(update=cut), prepare_torch(params.compute)
    verdicts = [
        {"problem_id": rollout.problem_id, "sample": rollout.sample, "reward": float(rollout.sample % 3 == 0)}
        for rollout in rollouts
    ]
    groups = join_groups(rollouts, verdicts, params.sampling.group_size)
    steps = optimizer_steps(groups, settings, params.sampling.max_new_tokens)
    seconds, learner = _timed(lambda: Learner.of(load_policy(folder, device), settings))
    yield "round: load the policy to train", _seconds(seconds)
    seconds, taken = _timed(lambda: update_policy(learner, steps, tqdm(disable=True)))
    tokens = sum(len(rollout.response_ids) for rollout in rollouts)
    yield f"round: update, {len(taken)} steps in {settings.precision}", _rate(seconds, tokens)
    yield from _memory("the update has run, at its peak", torch.cuda.max_memory_allocated)
    yield "round: write the policy with its optimizer", _seconds(_timed(lambda: _write(learner, parent, folder))[0])


def _write(learner: Learner, parent: Path, tokenizer_from: Path) -> None:
    written = checkpoint(learner)
    assert written is not None
    written.write(parent / "next", tokenizer_from)
    written.write_state(parent / "optimizer.safetensors")


def _sleep(engine: Any, of: str = "") -> Iterator[Row]:
    seconds, stays = _timed(engine.rest)
    yield f"{of}sleep", "not on this platform" if stays else _seconds(seconds)
    if not stays:
        yield from _memory("the engine sleeps")


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    done = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, done


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s"


def _rate(seconds: float, tokens: int) -> str:
    return f"{seconds:.2f} s, {tokens / seconds:,.0f} tokens a second"


def _memory(when: str, taken: Callable[[], int] | None = None) -> Iterator[Row]:
    """Of the device; by default what all processes have taken of it, for vLLM's allocator is not torch's."""
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        held = taken() if taken else total - free
        yield f"device memory while {when}", f"{held / 2**30:.1f} of {total / 2**30:.1f} GiB"


if __name__ == "__main__":
    main()
