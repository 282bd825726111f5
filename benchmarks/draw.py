"""`draw_tokens` against the function it replaced and against one softmax of the same logits, at two vocabularies.

The sides take turns on the same logits, and each ratio is the median over turns of the processor time's ratio. Peak
memory is the most that the function holds at once beside the logits, by the profiler's record of its allocations.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.former_draw import former_draw
from mtpipe.sampling.drawing.draw import draw_tokens
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.truncation import NONE, Truncation

ROWS = 64
VOCABULARIES = (18, 151_936)
TURNS = 7


def main() -> None:
    print(f"{ROWS} rows, entropy rule, {torch.get_num_threads()} threads, {TURNS} turns, processor time")
    for vocabulary in VOCABULARIES:
        generator = torch.Generator().manual_seed(0)
        ranks = torch.rand(ROWS, vocabulary, generator=generator).argsort(-1) + 1.0
        noise = 0.3 * torch.randn(ROWS, vocabulary, generator=generator)
        like_a_model = -torch.linspace(1.3, 2.5, ROWS)[:, None] * ranks.log() + noise
        rules = RowTemperatures([ResolvedEntropyThreshold(low=0.9, high=1.1, threshold=2.0)] * ROWS)
        positions = torch.zeros(ROWS, dtype=torch.long)
        uniforms = torch.rand(ROWS, dtype=torch.float64, generator=generator)
        for name, logits, truncation in (
            ("no truncation", like_a_model, NONE),
            ("top-p 0.95", like_a_model, Truncation(top_p=0.95)),
            ("top-p 0.95, flat", noise, Truncation(top_p=0.95)),
            ("min-p 0.05", like_a_model, Truncation(min_p=0.05)),
            ("top-n-sigma 1", like_a_model, Truncation(top_n_sigma=1.0)),
        ):
            arguments = (logits, rules, positions, None, uniforms, truncation)
            _print(f"{vocabulary:>7} {name}", arguments)


def _print(what: str, arguments: tuple[Tensor, RowTemperatures, Tensor, None, Tensor, Truncation]) -> None:
    logits = arguments[0]
    repeats = max(1, 2_000_000 // logits.numel())
    sides: list[Callable[[], object]] = [
        lambda: draw_tokens(*arguments),
        lambda: former_draw(*arguments),
        lambda: logits.softmax(-1),
    ]
    for side in sides:
        side()
    turns = [[_seconds(side, repeats) for side in sides] for _ in range(TURNS)]
    ours, former, softmax = (1e3 * statistics.median(column) for column in zip(*turns, strict=True))
    faster = statistics.median(turn[1] / turn[0] for turn in turns)
    softmaxes = statistics.median(turn[0] / turn[2] for turn in turns)
    memory = _peak(sides[0]) / _peak(sides[1])
    print(
        f"{what}: {faster:.2f} times as fast as the former, {softmaxes:.1f} softmaxes, {memory:.2f} of its peak memory "
        f"(medians {ours:.3f}, {former:.3f} and {softmax:.3f} ms)",
        flush=True,
    )


def _seconds(run: Callable[[], object], repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        run()
    return (time.process_time() - start) / repeats


def _peak(run: Callable[[], object]) -> int:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        run()
    held = most = 0
    events = record.profiler.kineto_results.events()
    for event in sorted(events, key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most


if __name__ == "__main__":
    main()
