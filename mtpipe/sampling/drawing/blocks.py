"""The draw at the vocabulary of a real model, in two readings of the logits.

The first reading gives the maximum m, the sum of exp(z - m) and that of (z - m) exp(z - m), from which the untempered
entropy follows and by it the rule's temperature. The second gives the sums of exp((z - m) / T) by blocks of the
vocabulary; a cumulative sum over the blocks finds the block in which the token lies, and one within that block the
token. Where truncation leaves no more than `LISTED` tokens, a cumulative sum over these finds it. On a GPU
`mtpipe.sampling.drawing.kernels` reads what is not truncated.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from mtpipe.kernels import has_kernels
from mtpipe.sampling.drawing.by_row import Chosen, block_sums, first_above, invert
from mtpipe.sampling.drawing.cuts import find_cut
from mtpipe.temperature.masks import EDGE, LISTED, Masks
from mtpipe.temperature.truncation import Truncation

_AT_A_TIME = 1 << 20
"""Logits in one piece on a CPU, so that what is computed from them stays in its cache."""

_LEAST = -1e4
"""In place of -inf where exp(z) * z is wanted, which then is 0 and not NaN."""


def block_entropies(logits: Tensor) -> Tensor:
    """As `mtpipe.sampling.drawing.draw.token_entropies`."""
    if has_kernels(logits.device):
        from mtpipe.sampling.drawing.kernels import entropies_by_kernel

        return entropies_by_kernel(logits)
    pieces = _pieces(logits)
    room = _room(pieces)
    return torch.cat([_first_reading(piece, room)[1] for piece in pieces])


def draw_by_blocks(
    logits: Tensor,
    temperatures_of: Callable[[Tensor], Tensor],
    uniforms: Tensor,
    truncation: Truncation,
    record_masks: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Masks | None]:
    """Tokens, log-probs, temperatures and entropies, [rows] each, and the masks if they are recorded.

    Args:
        logits: [rows, vocabulary], of more than `BLOCK` tokens.
        temperatures_of: from entropies [rows] to temperatures [rows].
        uniforms, truncation, record_masks: as in `mtpipe.sampling.drawing.draw.draw_tokens`.
    """
    if has_kernels(logits.device) and not truncation.cuts:
        from mtpipe.sampling.drawing.kernels import draw_by_kernels

        return *draw_by_kernels(logits, temperatures_of, uniforms), None
    pieces = _pieces(logits)
    room = _room(pieces)
    first = [_first_reading(piece, room) for piece in pieces]
    highest, entropies = (torch.cat(column) for column in zip(*first, strict=True))
    temperatures = temperatures_of(entropies)
    size = len(pieces[0])
    drawn = [
        _second_reading(*piece, truncation, record_masks, room[0])
        for piece in zip(pieces, highest.split(size), temperatures.split(size), uniforms.split(size), strict=True)
    ]
    tokens, logprobs = torch.cat([piece[0] for piece in drawn]), torch.cat([piece[1] for piece in drawn])
    masks = [piece[2] for piece in drawn if piece[2] is not None]
    return tokens, logprobs, temperatures, entropies, Masks.cat(masks) if masks else None


def _pieces(logits: Tensor) -> tuple[Tensor, ...]:
    rows, vocabulary = logits.shape
    return logits.split(max(1, _AT_A_TIME // vocabulary) if logits.device.type == "cpu" else max(1, rows))


def _room(pieces: tuple[Tensor, ...]) -> Tensor:
    """Where all pieces are computed with, [2, rows, vocabulary]: new memory for each costs as much as the sums do."""
    return pieces[0].new_empty(2, *pieces[0].shape)


def _first_reading(logits: Tensor, room: Tensor) -> tuple[Tensor, Tensor]:
    """Maxima and entropies, [rows] each."""
    highest = logits.amax(-1)
    below, weights = room[:, : len(logits)]
    torch.sub(logits, highest[:, None], out=below).clamp_(min=_LEAST)
    torch.exp(below, out=weights)
    mass = block_sums(weights).sum(-1)
    moment = block_sums(weights.mul_(below)).sum(-1)
    return highest, (mass.log() - moment / mass).float()


def _second_reading(
    logits: Tensor,
    highest: Tensor,
    temperatures: Tensor,
    uniforms: Tensor,
    truncation: Truncation,
    record_masks: bool,
    room: Tensor,
) -> tuple[Tensor, Tensor, Masks | None]:
    """Tokens and log-probs, [rows] each, and what truncation keeps."""
    weights = torch.sub(logits, highest[:, None], out=room[: len(logits)]).div_(temperatures[:, None]).exp_()
    masks = None
    if truncation.cuts:
        cut = find_cut(logits, highest, temperatures, weights, block_sums(weights).sum(-1), truncation)
        tokens, total, masks = _among_kept(logits, weights, cut.kept(logits), uniforms, record_masks)
    else:
        tokens, total = invert(block_sums(weights), logits.shape[1], partial(weights.gather, 1), uniforms)
    below = (logits.gather(1, tokens[:, None]).squeeze(1) - highest) / temperatures
    return tokens, (below - total.log()).float(), masks


def _among_kept(
    logits: Tensor, weights: Tensor, kept: Tensor, uniforms: Tensor, record_masks: bool
) -> tuple[Tensor, Tensor, Masks | None]:
    """Tokens and total weights, [rows] each, among the kept tokens [rows, vocabulary] alone; and the masks."""
    many = (kept.sum(-1) > LISTED).nonzero().squeeze(1)
    if len(many):
        own = weights[many].masked_fill_(~kept[many], 0.0)
        tokens_of_many, totals_of_many = invert(block_sums(own), own.shape[1], partial(own.gather, 1), uniforms[many])
        edges = _last_kept(logits[many], kept[many])
        kept[many] = edges[:, None] == torch.arange(kept.shape[1], device=kept.device)
    chosen = Chosen(kept)
    upto = chosen.table(weights.flatten()[chosen.flat].double(), 0.0).cumsum(-1)
    tokens = chosen.table(chosen.places, 0).gather(1, first_above(upto, uniforms[:, None])).squeeze(1)
    totals, sizes = upto[:, -1], chosen.counts
    if len(many):
        tokens[many], totals[many], sizes[many] = tokens_of_many, totals_of_many, EDGE
    return tokens, totals, Masks(sizes, chosen.places) if record_masks else None


def _last_kept(logits: Tensor, kept: Tensor) -> Tensor:
    """Of the kept tokens [rows, vocabulary] the last one [rows] in the order of logits, then of ids."""
    logits = logits.masked_fill(~kept, torch.inf)
    least = logits.amin(-1, keepdim=True)
    return logits.shape[1] - 1 - (logits == least).byte().flip(-1).argmax(-1)
