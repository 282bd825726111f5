"""mtpipe in vLLM against vLLM's own sampler: the same engine, model, prompts and number of tokens, processor off.

Three comparisons at two vocabularies: rollouts with the token rule, the draw and its records, against a uniform
temperature with processed log-probs, because a rollout needs them; evaluations at T 0.6 and top-p 0.95, without any on
vLLM's side; and requests with the rule as a server gets them, where vLLM draws, with processed log-probs on both.
Weights are random, and the last norm is scaled so that next-token distributions are as peaked as a language model's.
The sides take turns, and each ratio is the median over turns of the ratio of tokens per second of processor time.
"""

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.random_policy import random_policy
from benchmarks.sampling import compare
from mtpipe.params import Params, load_params
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.vllm.request import SETTING
from mtpipe.tasks.synthetic.arithmetic import VOCABULARY
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.rules.rule import ResolvedRule
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import NONE, Truncation

SEQUENCES = 64
SIZES = {
    "hidden_size": 256,
    "intermediate_size": 1024,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
}
VOCABULARIES = ((18, 64, 2.0), (151_936, 16, 5.0))
"""The vocabulary, a response's tokens, and the standard deviation of a token's logits."""
TURNS = 5
EVALUATION = Truncation(top_p=0.95)
EVALUATION_TEMPERATURE = 0.6


def main() -> None:
    params = load_params()
    for vocabulary, tokens, deviation in VOCABULARIES:
        with tempfile.TemporaryDirectory() as folder:
            policy = random_policy(Path(folder), SIZES | {"vocab_size": vocabulary}, deviation, VOCABULARY)
            _measure(policy, params, vocabulary, tokens)


def _measure(folder: Path, params: Params, vocabulary: int, tokens: int) -> None:
    from mtpipe.sampling.vllm.vllm_engine import VllmEngine

    options = params.sampling.vllm.model_copy(update={"engine_args": {"logprobs_mode": "processed_logprobs"}})
    engine = VllmEngine(folder, options, SEQUENCES)
    engine.vocabulary = replace(engine.vocabulary, stop_ids=())  # nothing stops a response
    prompts = [engine.vocabulary.encode(f"{n % 9}+{n % 7}*{n % 5}>") for n in range(SEQUENCES)]
    rule = ResolvedEntropyThreshold(low=1.0, high=1.2, threshold=_median_entropy(engine, prompts))
    print(
        f"vocabulary {vocabulary}, hidden size 256, 4 layers, {SEQUENCES} sequences of {tokens} tokens, "
        f"{torch.get_num_threads()} threads, {TURNS} turns; median entropy {rule.threshold:.2f} nats",
        flush=True,
    )

    def ours(rule: ResolvedRule, truncation: Truncation = NONE) -> int:
        requests = [Request(str(index), 0, prompt, 1.0, rule) for index, prompt in enumerate(prompts)]
        plan = SamplingPlan(0, "benchmark", tokens, SEQUENCES, truncation)
        return sum(len(response.response_ids) for response in engine.sample(requests, plan))

    def theirs(**sampling: Any) -> int:
        return by_vllm(engine.llm, prompts, max_tokens=tokens, **sampling)

    served = {SETTING: rule.model_dump()}
    evaluation = ResolvedUniform(temperature=EVALUATION_TEMPERATURE)
    compare(
        "rule, draw and records / processor off with processed log-probs",
        lambda: ours(rule),
        lambda: theirs(logprobs=0),
        TURNS,
        time.process_time,
    )
    compare(
        f"evaluation at T {EVALUATION_TEMPERATURE} and top-p {EVALUATION.top_p}: ours / vLLM's own",
        lambda: ours(evaluation, EVALUATION),
        lambda: theirs(temperature=EVALUATION_TEMPERATURE, top_p=EVALUATION.top_p),
        TURNS,
        time.process_time,
    )
    compare(
        "rule as served, where vLLM draws / processor off, both with processed log-probs",
        lambda: theirs(logprobs=0, extra_args=served),
        lambda: theirs(logprobs=0),
        TURNS,
        time.process_time,
    )
    engine.close()


def _median_entropy(engine: Any, prompts: list[list[int]]) -> float:
    requests = [
        Request(str(index), 0, prompt, 1.0, ResolvedUniform(temperature=1.0)) for index, prompt in enumerate(prompts)
    ]
    responses = engine.sample(requests, SamplingPlan(0, "calibration", 4, SEQUENCES))
    return statistics.median(entropy for response in responses for entropy in response.entropies)


def by_vllm(vllm: Any, prompts: list[list[int]], **sampling: Any) -> int:
    """What `VllmEngine.sample` does, without our draw; vLLM's log-probs, if any, are read out as ours are."""
    from vllm import SamplingParams
    from vllm.inputs.engine import tokens_input
    from vllm.sampling_params import RequestOutputKind

    tokens = 0
    for index, prompt in enumerate(prompts):
        params = SamplingParams(
            **{"temperature": 1.0, "top_p": 1.0, **sampling},
            top_k=0,
            min_p=0.0,
            ignore_eos=True,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        vllm.add_request(f"{time.monotonic_ns()}-{index}", tokens_input(prompt), params)
    while vllm.has_unfinished_requests():
        for output in vllm.step():
            if output.finished:
                one = output.outputs[0]
                if one.logprobs is not None:
                    _ = [of[token].logprob for token, of in zip(one.token_ids, one.logprobs, strict=True)]
                tokens += len(one.token_ids)
    return tokens


if __name__ == "__main__":
    main()
