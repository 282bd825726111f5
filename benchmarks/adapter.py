"""What the vLLM processor's bookkeeping costs a step, beside the tensors that the step needs.

A step of a full batch through the adapter for vLLM's V1 runner, records among it, less `draw_tokens` on the same
logits. The two take turns; the figure is the median over turns of their difference, in milliseconds of processor time.
Once with the same requests step after step, and once with one of them replaced before each step, as where a response
ends and the next one begins.
"""

import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import BatchUpdate

from mtpipe.sampling.drawing.draw import draw_tokens
from mtpipe.sampling.drawing.randomness import token_uniforms
from mtpipe.sampling.vllm.adapter_v1 import AdapterV1
from mtpipe.sampling.vllm.request import DRAW, SETTING
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.truncation import NONE

ROWS, TOKENS, TURNS = (64, 256, 1024), 64, 9
VOCABULARY = 18
RULE = ResolvedEntropyThreshold(low=1.0, high=1.2, threshold=1.0)


def main() -> None:
    for rows in ROWS:
        for replaced in (False, True):
            _measure(rows, replaced)


def _measure(rows: int, replaced: bool) -> None:
    config: Any = SimpleNamespace(model_config=SimpleNamespace(max_model_len=TOKENS))
    adapter = AdapterV1(config, torch.device("cpu"), False)
    outputs: list[list[int]] = [[] for _ in range(rows)]
    requests = [(row, _request(row), [1], outputs[row]) for row in range(rows)]
    adapter.update_state(BatchUpdate(batch_size=rows, removed=[], added=requests, moved=[]))
    logits = torch.randn(rows, VOCABULARY, generator=torch.Generator().manual_seed(0))
    rules, previous = RowTemperatures([RULE] * rows), torch.zeros(rows, dtype=torch.long)
    uniforms = torch.from_numpy(np.stack([token_uniforms(0, "adapter", "p", row, TOKENS) for row in range(rows)]))

    def with_books() -> None:
        for output in outputs:
            output.clear()
        for step in range(TOKENS):
            if replaced:
                row = step % rows  # vLLM puts the next request into the row of one that has ended
                adapter.update_state(BatchUpdate(batch_size=rows, removed=[], added=[requests[row]], moved=[]))
            adapter.apply(logits.clone())
            for output in outputs:
                output.append(1)
        adapter.batch.take_records()

    def tensors_alone() -> None:
        for step in range(TOKENS):
            draw_tokens(logits.clone(), rules, torch.full((rows,), step), previous, uniforms[:, step], NONE, False)

    with_books(), tensors_alone()
    spent = [(_milliseconds(with_books), _milliseconds(tensors_alone)) for _ in range(TURNS)]
    more = sorted(a - b for a, b in spent)
    how = "one replaced before each step" if replaced else "the same requests"
    print(
        f"{rows} rows, vocabulary {VOCABULARY}, {how}: "
        f"{statistics.median(more):.3f} ms a step beside the tensors (from {more[0]:.3f} to {more[-1]:.3f} in {TURNS} "
        f"turns; the tensors take {statistics.median(b for _, b in spent):.3f})",
        flush=True,
    )


def _request(row: int) -> SamplingParams:
    draw = {"seed": 0, "purpose": "adapter", "problem_id": "p", "sample": row, "record": str(row)}
    more = {"truncation": NONE.model_dump(), "record_masks": False}
    return SamplingParams(max_tokens=TOKENS, extra_args={SETTING: RULE.model_dump(), DRAW: {**draw, **more}})


def _milliseconds(steps: Callable[[], None]) -> float:
    start = time.process_time()
    steps()
    return (time.process_time() - start) / TOKENS * 1000


if __name__ == "__main__":
    main()
