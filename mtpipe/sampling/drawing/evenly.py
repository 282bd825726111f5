"""Constrained uniform top-K sampling: a token drawn evenly among the likeliest ones, arXiv 2604.18493."""

from typing import NamedTuple

import torch
from torch import Tensor

from mtpipe.sampling.drawing.by_row import block_sums
from mtpipe.temperature.masks import Masks
from mtpipe.temperature.mixed_cuts import MixedCuts


class Exploring(NamedTuple):
    """Which rows of a batch explore, bool [rows], and how."""

    rows: Tensor
    cuts: MixedCuts


def draw_evenly(
    logits: Tensor, temperatures: Tensor, positions: Tensor, uniforms: Tensor, exploring: Exploring
) -> tuple[Tensor, Tensor, Tensor, Masks]:
    """Draws the tokens of the rows that explore, once they are past the warm-up.

    Args:
        logits: [rows, vocabulary], untempered; -inf where a token cannot come.
        temperatures, positions, uniforms: [rows], as in `mtpipe.sampling.drawing.draw.draw_tokens`.

    Returns:
        which rows were drawn so [n]; their tokens [n]; their log-probs [n], -ln of the number of candidates; and the
        candidates as masks of all rows, in which nothing was cut from the others.
    """
    rows = (exploring.rows & (positions >= exploring.cuts.warm_up)).nonzero().squeeze(1)
    kept = candidates(logits[rows], temperatures[rows], exploring.cuts)
    counts, ids = kept.sum(-1), kept.nonzero()[:, 1]
    # A product may be rounded up to the whole. Logits that are no numbers have no candidates, and a log-prob of inf.
    place = (uniforms[rows] * counts).long().minimum(counts - 1).clamp(min=0)
    tokens = torch.cat([ids, ids.new_zeros(1)])[counts.cumsum(0) - counts + place]
    sizes = torch.zeros_like(positions).index_copy_(0, rows, counts)
    return rows, tokens, -counts.float().log(), Masks(sizes, ids)


def candidates(logits: Tensor, temperatures: Tensor, cuts: MixedCuts) -> Tensor:
    """The tokens that a row may be drawn from, bool [rows, vocabulary]; of equal logits the lower ids come first."""
    count = min(cuts.top_k, logits.shape[1])
    least = logits.topk(count).values[:, -1:]
    kept = (logits >= least) & (logits > -torch.inf)
    tied = (kept.sum(-1) > count).nonzero().squeeze(1)
    if len(tied):
        above, equal = logits[tied] > least[tied], logits[tied] == least[tied]
        kept[tied] = above | (equal & (equal.cumsum(-1) <= count - above.sum(-1, keepdim=True)))
    weights = ((logits - logits.amax(-1, keepdim=True)) / temperatures[:, None]).exp()
    likely = kept & (weights > cuts.threshold * block_sums(weights).sum(-1, keepdim=True))
    return torch.where(likely.any(-1, keepdim=True), likely, kept)
