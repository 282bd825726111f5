"""The torch engine against `generate` of transformers, and the token rule against a uniform temperature.

The policy is new, of the default's sizes. Its next-token distributions are nearly even, so a response stops at each
token with a chance of about 1 in 18 and is cut at 64: a mean of about a quarter of the limit, with a long tail, as
rollouts of reasoning models have. Both sides sample the same prompts at temperature 1 with the same limit, and only
tokens up to the stop count. The two sides take turns, and the ratio is taken turn by turn.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from mtpipe.model.policy import Policy, load_policy, new_checkpoint, prepare_torch
from mtpipe.params import load_params
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.torch_engine import sample
from mtpipe.tasks.synthetic import arithmetic
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.rules.uniform import ResolvedUniform

TURNS = 9
PROMPTS = 256
GROUP_SIZE = 8
BATCH_SIZE = 1024
MAX_NEW_TOKENS = 64
UNIFORM = ResolvedUniform(temperature=1.0)
PLAN = SamplingPlan(0, "benchmark", MAX_NEW_TOKENS, BATCH_SIZE)


def main() -> None:
    params = load_params()
    device = prepare_torch(params.compute)
    with tempfile.TemporaryDirectory() as folder:
        new_checkpoint(Path(folder) / "policy", params.model, arithmetic.VOCABULARY, max_positions=128)
        policy = load_policy(Path(folder) / "policy", device)
    task = arithmetic.ArithmeticTask(
        name="arithmetic", warm_start_problems=1, train_problems=PROMPTS, benchmark_problems=1
    )
    problems = task.generate_problems()["train"]
    requests = [
        Request(problem["problem_id"], index, policy.encode(problem["prompt"]), 1.0, UNIFORM)
        for problem in problems
        for index in range(GROUP_SIZE)
    ]
    by_entropy = ResolvedEntropyThreshold(low=1.0, high=1.2, threshold=2.8)
    tempered = [replace(request, rule=by_entropy) for request in requests]

    lengths = sorted(len(response.response_ids) for response in sample(policy, requests, PLAN))
    quartiles = [lengths[len(lengths) * part // 4] for part in (1, 2, 3)]
    print(f"{len(requests)} responses, {BATCH_SIZE} at once, {torch.get_num_threads()} threads on {device};", end=" ")
    print(f"lengths: mean {statistics.mean(lengths):.1f}, quartiles {quartiles}, limit {MAX_NEW_TOKENS}")
    compare(
        "torch engine / transformers generate",
        lambda: _engine(policy, requests),
        lambda: _generate(policy, requests),
    )
    compare(
        "token rule / uniform temperature",
        lambda: _engine(policy, tempered),
        lambda: _engine(policy, requests),
    )


def compare(
    what: str,
    ours: Callable[[], int],
    peer: Callable[[], int],
    turns: int = TURNS,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Prints the ratio of tokens a second of a clock, each side counted in turns after one warm-up."""
    ours(), peer()
    speeds = [(_speed(ours, clock), _speed(peer, clock)) for _ in range(turns)]
    ratios = sorted(a / b for a, b in speeds)
    a, b = (statistics.median(side) for side in zip(*speeds, strict=True))
    print(
        f"{what}: {statistics.median(ratios):.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f} in {turns} turns; "
        f"medians {a:,.0f} and {b:,.0f} tokens/s{' of processor time' if clock is time.process_time else ''})",
        flush=True,
    )


def _speed(run: Callable[[], int], clock: Callable[[], float]) -> float:
    start = clock()
    tokens = run()
    return tokens / (clock() - start)


def _engine(policy: Policy, requests: list[Request]) -> int:
    return sum(len(response.response_ids) for response in sample(policy, requests, PLAN))


def _generate(policy: Policy, requests: list[Request]) -> int:
    """The peer: the same prompts, left-padded, and the same number of rows at once."""
    tokens = 0
    by_length = sorted(requests, key=lambda request: len(request.prompt_ids))
    for start in range(0, len(by_length), BATCH_SIZE):
        batch = by_length[start : start + BATCH_SIZE]
        width = max(len(request.prompt_ids) for request in batch)
        ids = torch.tensor(
            [[0] * (width - len(one.prompt_ids)) + one.prompt_ids for one in batch], device=policy.device
        )
        with torch.inference_mode():
            output = policy.model.generate(
                ids,
                attention_mask=(ids != 0).long(),
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                max_new_tokens=MAX_NEW_TOKENS,
            )[:, width:]
        stops = torch.isin(output, torch.tensor(policy.stop_ids, device=policy.device))
        first = torch.where(stops.any(1), stops.int().argmax(1) + 1, output.shape[1])
        tokens += int(first.sum())
    return tokens
