"""The two readings of a draw on a GPU: each is one Triton kernel, which loads every logit once.

A program of a kernel sums one block of one row, so nothing it gives depends on the batch; the sums of the blocks, a
thousandth of the logits, are put together by torch in float64. `torch.compile` would choose the order of the sums by
the shape of the batch, and compile again as rows end.
"""

from collections.abc import Callable

import triton
import triton.language as tl
from torch import Tensor

from mtpipe.sampling.drawing.by_row import BLOCK, invert


def entropies_by_kernel(logits: Tensor) -> Tensor:
    """As `mtpipe.sampling.drawing.draw.token_entropies`."""
    return _first_reading(logits)[1]


def draw_by_kernels(
    logits: Tensor, temperatures_of: Callable[[Tensor], Tensor], uniforms: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As `mtpipe.sampling.drawing.blocks.draw_by_blocks` without truncation; each row's logits are side by side."""
    highest, entropies = _first_reading(logits)
    temperatures = temperatures_of(entropies).contiguous()
    (sums,) = _launch(_second, logits, 1, highest, temperatures)

    def below(index: Tensor) -> Tensor:
        return (logits.gather(1, index) - highest[:, None]) / temperatures[:, None]

    tokens, total = invert(sums.double(), logits.shape[1], lambda index: below(index).exp_(), uniforms)
    logprobs = (below(tokens[:, None]).squeeze(1) - total.log()).float()
    return tokens, logprobs, temperatures, entropies


def _first_reading(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Maxima and entropies, [rows] each."""
    of_blocks, masses, moments = (column.double() for column in _launch(_first, logits, 3))
    highest = of_blocks.amax(-1, keepdim=True)
    below = of_blocks - highest
    masses *= below.exp()
    mass = masses.sum(-1)
    moment = (moments * below.exp() + masses * below).sum(-1)
    return highest.squeeze(1).float(), (mass.log() - moment / mass).float()


def _launch(kernel: triton.JITFunction, logits: Tensor, outputs: int, *of_row: Tensor) -> Tensor:
    """What the kernel gives for each block, float32 [outputs, rows, blocks]."""
    rows, places = logits.shape
    blocks = triton.cdiv(places, BLOCK)
    out = logits.new_empty(outputs, rows, blocks)
    kernel[(rows, blocks)](logits, logits.stride(0), places, *of_row, *out, BLOCK=BLOCK)
    return out


@triton.jit  # type: ignore[untyped-decorator]
def _first(logits, stride, places, highest, masses, moments, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """Of a block the maximum m, the sum of exp(z - m) and that of (z - m) exp(z - m)."""
    row, block = tl.program_id(0), tl.program_id(1)
    index = block * BLOCK + tl.arange(0, BLOCK)
    values = tl.load(logits + row.to(tl.int64) * stride + index, mask=index < places, other=-float("inf"))
    most = tl.maximum(tl.max(values, 0), -3e38)  # a block of -inf alone weighs nothing
    below = tl.maximum(values - most, -1e4)  # where exp(z) is 0, so is exp(z) * z, and not NaN
    weights = tl.exp(below)
    place = row * tl.num_programs(1) + block
    tl.store(highest + place, most)
    tl.store(masses + place, tl.sum(weights, 0))
    tl.store(moments + place, tl.sum(weights * below, 0))


@triton.jit  # type: ignore[untyped-decorator]
def _second(logits, stride, places, highest, temperatures, sums, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """Of a block the sum of exp((z - highest) / T)."""
    row, block = tl.program_id(0), tl.program_id(1)
    index = block * BLOCK + tl.arange(0, BLOCK)
    values = tl.load(logits + row.to(tl.int64) * stride + index, mask=index < places, other=-float("inf"))
    weights = tl.exp((values - tl.load(highest + row)) / tl.load(temperatures + row))
    tl.store(sums + row * tl.num_programs(1) + block, tl.sum(weights, 0))
