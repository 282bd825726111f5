"""What only a machine with a GPU can show of a resident engine: `python -m benchmarks.gpu FOLDER`, once, by a person.

FOLDER holds a checkpoint, the profile's say. Prints, as the rows of a table, the seconds that vLLM takes to start, to
fall asleep, to wake with a policy, and to load one while awake; the device memory it holds awake and asleep; and tokens
a second with the token rule and without. vLLM runs with the settings of params.yaml. On the CPU build the rows of sleep
say that it has none.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.vllm import by_vllm
from mtpipe.params import load_params
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold

_PROMPT = "What is 17 times 23? Reason step by step.\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sequences", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=512, help="of each response")
    arguments = parser.parse_args()
    from mtpipe.sampling.vllm.vllm_engine import VllmEngine

    options = load_params().sampling.vllm
    cuda = torch.cuda.is_available()
    print(f"{torch.cuda.get_device_name() if cuda else 'CPU'}, {arguments.folder}\n\n| what | |\n|---|---|")
    start, engine = _timed(lambda: VllmEngine(arguments.folder, options, arguments.sequences, resting=True))
    _row("start", start)
    engine.vocabulary = replace(engine.vocabulary, stop_ids=())  # nothing stops a response
    prompt = engine.vocabulary.encode(_PROMPT)
    count, tokens = arguments.sequences, arguments.tokens
    plan = SamplingPlan(0, "benchmark", tokens, count)
    rule = ResolvedEntropyThreshold(low=1.0, high=1.2, threshold=0.5)
    requests = [Request("p", index, prompt, 1.0, rule) for index in range(count)]

    def with_rule() -> None:
        assert len(list(engine.sample(requests, plan))) == count

    def without() -> None:
        assert by_vllm(engine.llm, [prompt] * count, max_tokens=tokens, logprobs=0) == count * tokens

    _row("first sampling, with what it compiles and captures", _timed(with_rule)[0])
    for what, sample in (("with the rule", with_rule), ("without, with log-probs", without)):
        seconds = min(_timed(sample)[0] for _ in range(3))
        print(f"| tokens a second {what}, {count} sequences of {tokens} | {count * tokens / seconds:.0f} |")
    _row("load while awake", _timed(lambda: engine.load(arguments.folder))[0])
    _memory("awake")
    asleep, stays = _timed(engine.rest)
    if stays:
        print("| sleep | not on this platform |")
    else:
        _row("sleep", asleep)
        _memory("asleep")
        _row("wake, with the load of a policy", _timed(lambda: engine.load(arguments.folder))[0])
        _row("first sampling after it", _timed(with_rule)[0])
    engine.close()


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    done = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, done


def _row(what: str, seconds: float) -> None:
    print(f"| {what} | {seconds:.2f} s |", flush=True)


def _memory(when: str) -> None:
    """What all processes have taken of the device: vLLM's allocator is not torch's."""
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        print(f"| device memory taken while {when} | {(total - free) / 2**30:.1f} of {total / 2**30:.1f} GiB |")


if __name__ == "__main__":
    main()
