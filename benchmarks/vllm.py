"""The token rule in vLLM against the same engine and requests with the processor off: tokens a second.

The peer samples at a uniform temperature of 1 by vLLM's own sampler, with processed log-probs, because a rollout needs
them. Both sides get the same prompts and every response runs to the limit, so that both make the same number of
tokens. The two sides take turns, and the ratio is taken turn by turn.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.sampling import compare
from mtpipe.model.policy import new_checkpoint
from mtpipe.params import load_params
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.tasks.synthetic.arithmetic import VOCABULARY
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold

SEQUENCES = 256
MAX_NEW_TOKENS = 64
NATS = 2.8


def main() -> None:
    from mtpipe.sampling.vllm.vllm_engine import VllmEngine

    params = load_params()
    options = params.sampling.vllm.model_copy(update={"engine_args": {"logprobs_mode": "processed_logprobs"}})
    with tempfile.TemporaryDirectory() as folder:
        sizes = params.model.model_copy(update={"hidden_size": 128, "layers": 4, "heads": 4})
        new_checkpoint(Path(folder) / "policy", sizes, VOCABULARY, max_positions=128)
        engine = VllmEngine(Path(folder) / "policy", options, SEQUENCES)
        engine.vocabulary = type(engine.vocabulary)(engine.vocabulary.tokenizer, ())  # nothing stops a response
        prompts = [engine.vocabulary.encode(f"{n % 9}+{n % 7}*{n % 5}>") for n in range(SEQUENCES)]
        compare(
            "vLLM, token rule / uniform with the processor off",
            lambda: _ours(engine, prompts),
            lambda: _peer(engine, prompts),
        )
        engine.close()


def _ours(engine: Any, prompts: list[list[int]]) -> int:
    rule = ResolvedEntropyThreshold(low=1.0, high=1.2, threshold=NATS)
    requests = [Request(str(index), 0, prompt, 1.0, rule) for index, prompt in enumerate(prompts)]
    plan = SamplingPlan(0, "benchmark", MAX_NEW_TOKENS, SEQUENCES)
    return sum(len(response.response_ids) for response in engine.sample(requests, plan))


def _peer(engine: Any, prompts: list[list[int]]) -> int:
    """What `VllmEngine.sample` does, without our settings; vLLM's log-probs are read out as ours are."""
    from vllm import SamplingParams
    from vllm.inputs.engine import tokens_input
    from vllm.sampling_params import RequestOutputKind

    tokens = 0
    vllm = engine._engine
    for index, prompt in enumerate(prompts):
        params = SamplingParams(
            temperature=1.0,
            top_p=1.0,
            top_k=0,
            min_p=0.0,
            max_tokens=MAX_NEW_TOKENS,
            ignore_eos=True,
            logprobs=0,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        vllm.add_request(f"{time.monotonic_ns()}-{index}", tokens_input(prompt), params)
    while vllm.has_unfinished_requests():
        for output in vllm.step():
            if output.finished:
                one = output.outputs[0]
                logprobs = [of[token].logprob for token, of in zip(one.token_ids, one.logprobs, strict=True)]
                tokens += len(logprobs)
    return tokens
