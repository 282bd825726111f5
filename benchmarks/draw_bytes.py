"""The bytes that a step's rule and draw move, counted from the code, beside those of the decode step itself.

Torch's operations are counted as they are dispatched: what each reads and writes, views for nothing. Of the kernels,
which torch does not see, each loads every logit once. Times are those of an H100's memory at 3 TB/s, no launches. The
decode step is that of a model of 1.5 B parameters (Qwen2.5's sizes) in bfloat16: its weights, and the keys and values
of 1000 tokens a sequence.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.former_draw import former_draw
from mtpipe.learn.scoring.readings import Slopes, read, to_gradient_
from mtpipe.sampling.drawing.by_row import BLOCK
from mtpipe.sampling.drawing.draw import draw_tokens
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.truncation import NONE

BYTES_PER_SECOND = 3e12
SEQUENCES = (64, 256, 1024)
VOCABULARIES = (18, 32_000, 151_936)
WEIGHTS = 2 * 1_543_714_304
CACHE_OF_A_TOKEN = 2 * 2 * 28 * 256
"""Keys and values, bfloat16, of 28 layers with 2 heads of 128."""
CONTEXT = 1000
KERNELS = 2 * 4
"""Bytes a logit: two kernels load it, float32. What they write is a thousandth of that."""


class Traffic(TorchDispatchMode):
    """Counts the bytes that operations read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func._schema.name
        alias = any(one.alias_info and not one.alias_info.is_write for one in func._schema.arguments)
        if alias or "empty" in name:
            return result
        written = sum(map(_size, _tensors([result])))
        if name in ("aten::gather", "aten::index"):  # reads what it takes, and the places
            read = written + sum(map(_size, _tensors(args[1:])))
        else:
            read = sum(map(_size, _tensors(args)))
        self.bytes += written + read
        return result


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _size(tensor: Tensor) -> int:
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


def bytes_of_a_logit(draw: Callable[..., Any], vocabulary: int) -> float:
    """Of one row, so that nothing is cut into pieces, as on a GPU."""
    logits = torch.randn(1, vocabulary, generator=torch.Generator().manual_seed(0)).mul_(3)
    rules = RowTemperatures([ResolvedEntropyThreshold(low=0.9, high=1.1, threshold=2.0)])
    start, uniforms = torch.zeros(1, dtype=torch.long), torch.tensor([0.5], dtype=torch.float64)
    with Traffic() as traffic:
        draw(logits, rules, start, None, uniforms, NONE)
    return traffic.bytes / vocabulary


def _print_head() -> None:
    """How often the update's head reads or writes its logits, float32, beside the products that make and use them."""
    logits = torch.randn(4, 65_536, generator=torch.Generator().manual_seed(0))
    targets, temperatures = torch.zeros(4, 1, dtype=torch.long), torch.full((4, 1), 1.1)
    with Traffic() as two:
        tempered, _ = read(logits, temperatures, None)
    with Traffic() as one:
        read(logits, None)
    with Traffic() as backward:
        to_gradient_(logits, targets, [Slopes(tempered, torch.ones(4, 1), None)])
    passes = [traffic.bytes / (4 * logits.numel()) for traffic in (two, one, backward)]
    print("head of the update, passes over the logits: {:.0f} forward, {:.0f} at T=1, {:.0f} backward".format(*passes))


def main() -> None:
    _print_head()
    print("| sequences | vocabulary | decode step | former draw | in torch | by kernels | kernels / decode step |")
    print("|---|---|---|---|---|---|---|")
    for vocabulary in VOCABULARIES:
        former, plain = (bytes_of_a_logit(draw, vocabulary) for draw in (former_draw, draw_tokens))
        kernel = plain if vocabulary <= BLOCK else KERNELS
        for sequences in SEQUENCES:
            step = WEIGHTS + sequences * CONTEXT * CACHE_OF_A_TOKEN
            logits = sequences * vocabulary
            moved = [f"{_text(logits * each)} ({each:.0f} a logit)" for each in (former, plain, kernel)]
            share = f"{logits * kernel / step:.1%} ({logits * kernel / WEIGHTS:.1%} of the weights)"
            print(f"| {sequences} | {vocabulary} | {_text(step)} | {' | '.join(moved)} | {share} |")


def _text(count: float) -> str:
    return f"{count / 1e9:.3g} GB, {1e3 * count / BYTES_PER_SECOND:.2g} ms"


if __name__ == "__main__":
    main()
