"""What `readings` computes, on a GPU: one Triton kernel reads each logit once, one reads it and writes its gradient.

A program of a kernel handles one block of one token's logits, for all temperatures at once. The sums of the blocks, a
thousandth of the logits, are put together by torch in float64. Each token's logits are side by side.
"""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 1024

Sums = tuple[Tensor, Tensor, Tensor]


def read_by_kernel(logits: Tensor, temperatures: Tensor) -> Sums:
    """Maxima [tokens], and log-masses and entropies [distributions, tokens], of softmax(z / T).

    Args:
        logits: [tokens, vocabulary], float32, -inf allowed.
        temperatures: [distributions, tokens].
    """
    tokens, places = logits.shape
    count, blocks = len(temperatures), triton.cdiv(places, BLOCK)
    of_blocks = logits.new_empty(tokens, blocks)
    masses, moments = logits.new_empty(2, count, tokens, blocks)
    arguments = (logits, logits.stride(0), places, temperatures.contiguous(), of_blocks, masses, moments)
    _read[(tokens, blocks)](*arguments, COUNT=count, BLOCK=BLOCK)
    highest = of_blocks.amax(-1)
    below = (of_blocks - highest[:, None]).double()
    heat = temperatures.double()
    share = (below / heat[..., None]).exp()
    mass = (masses * share).sum(-1)
    moment = ((moments + masses * below) * share).sum(-1) / heat
    return highest, mass.log().float(), (mass.log() - moment / mass).float()


def to_gradient_by_kernel_(logits: Tensor, targets: Tensor, terms: Sequence[Sequence[Tensor]], softcap: float) -> None:
    """Puts in the place of logits [tokens, vocabulary] what terms send back into them.

    Args:
        targets: [tokens].
        terms: of each distribution [tokens] each: T, the number that z / T and it are a log-prob by, the entropy, and
            the upstream gradients of the target's log-prob and of the entropy.
        softcap: the gradient becomes that of what the logits were before softcap * tanh(x / softcap); 0 for none.
    """
    tokens, places = logits.shape
    numbers = torch.stack([torch.stack(list(term)) for term in terms]).contiguous()
    grid = (tokens, triton.cdiv(places, BLOCK))
    _send_back[grid](
        logits, logits.stride(0), places, targets, numbers, softcap, COUNT=len(terms), CAPPED=softcap > 0, BLOCK=BLOCK
    )


@triton.jit  # type: ignore[untyped-decorator]
def _read(  # type: ignore[no-untyped-def]
    logits, stride, places, temperatures, highest, masses, moments, COUNT: tl.constexpr, BLOCK: tl.constexpr
):
    """Of a block its maximum m, and at each T the sums of exp((z - m) / T) and of (z - m) exp((z - m) / T)."""
    row, block = tl.program_id(0), tl.program_id(1)
    rows, blocks = tl.num_programs(0), tl.num_programs(1)
    index = block * BLOCK + tl.arange(0, BLOCK)
    values = tl.load(logits + row.to(tl.int64) * stride + index, mask=index < places, other=-float("inf"))
    most = tl.maximum(tl.max(values, 0), -3e38)  # a block of -inf alone weighs nothing
    below = tl.maximum(values - most, -1e6)  # where exp(z) is 0, so is exp(z) * z, and not NaN
    tl.store(highest + row * blocks + block, most)
    for one in tl.static_range(COUNT):
        weights = tl.exp(below / tl.load(temperatures + one * rows + row))
        place = (one * rows + row) * blocks + block
        tl.store(masses + place, tl.sum(weights, 0))
        tl.store(moments + place, tl.sum(weights * below, 0))


@triton.jit  # type: ignore[untyped-decorator]
def _send_back(  # type: ignore[no-untyped-def]
    logits, stride, places, targets, numbers, softcap, COUNT: tl.constexpr, CAPPED: tl.constexpr, BLOCK: tl.constexpr
):
    """Of a block the gradients (onehot - p) / T and -p (log p + H) / T, weighted and summed over distributions."""
    row, block, rows = tl.program_id(0), tl.program_id(1), tl.num_programs(0)
    index = block * BLOCK + tl.arange(0, BLOCK)
    place = logits + row.to(tl.int64) * stride + index
    values = tl.load(place, mask=index < places, other=-float("inf"))
    hit = index == tl.load(targets + row)
    gradient = tl.zeros([BLOCK], dtype=tl.float32)
    for one in tl.static_range(COUNT):
        of_one = numbers + one * 5 * rows + row
        heat, offset, entropy = tl.load(of_one), tl.load(of_one + rows), tl.load(of_one + 2 * rows)
        of_logprob, of_entropy = tl.load(of_one + 3 * rows), tl.load(of_one + 4 * rows)
        logprobs = values / heat + offset
        factor = of_logprob + of_entropy * (tl.maximum(logprobs, -1e6) + entropy)
        gradient += (tl.where(hit, of_logprob, 0.0) - tl.exp(logprobs) * factor) / heat
    if CAPPED:
        before = tl.minimum(tl.maximum(values / softcap, -1.0), 1.0)  # -inf is beyond the cap
        gradient *= 1 - before * before
    tl.store(place, gradient, mask=index < places)
