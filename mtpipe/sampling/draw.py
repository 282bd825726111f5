"""One token a row, drawn from logits: what every sampling engine does with a model's output.

The logits are read twice. The first reading gives the maximum m, the sum of exp(z - m) and that of (z - m) exp(z - m),
from which the untempered entropy follows and by it the rule's temperature. The second gives the sums of
exp((z - m) / T) by blocks of the vocabulary; a cumulative sum over the blocks finds the block in which the token lies,
and one within that block the token. What is summed in which order depends on the vocabulary alone, so a row's token
is the same in any batch.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mtpipe.sampling.nucleus import nucleus_end
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.truncation import Truncation

_BLOCK = 1024
"""Entries of the vocabulary that are summed in float32; sums of blocks are added in float64."""

_AT_A_TIME = 1 << 20
"""Logits in one piece on a CPU, so that what is computed from them stays in its cache."""

_LEAST = -1e4
"""In place of -inf where exp(z) * z is wanted, which then is 0 and not NaN."""


class Cut(NamedTuple):
    """What a truncation keeps of each row, [rows]: the logits above `floor`, and those at it up to token `last`."""

    floor: Tensor
    last: Tensor

    def dropped(self, logits: Tensor) -> Tensor:
        """The tokens that are left out, bool [rows, vocabulary], of the logits that the cut was made for."""
        dropped = logits < self.floor[:, None]
        rows = (self.last < logits.shape[1]).nonzero().squeeze(1)
        if len(rows):
            ids = torch.arange(logits.shape[1], device=logits.device)
            dropped[rows] |= (logits[rows] == self.floor[rows, None]) & (ids > self.last[rows, None])
        return dropped


class DrawnTokens(NamedTuple):
    """The next token of each row, [rows], with what it was drawn from; `cut` is None where nothing is left out."""

    tokens: Tensor
    logprobs: Tensor
    temperatures: Tensor
    entropies: Tensor
    cut: Cut | None


def token_entropies(logits: Tensor) -> Tensor:
    """The entropies [rows] in nats of the untempered distributions; logits [rows, vocabulary] may hold -inf."""
    return torch.cat([_first_reading(part)[1] for part in logits.split(_rows_at_a_time(logits))])


def draw_tokens(
    logits: Tensor,
    rules: RowTemperatures,
    positions: Tensor,
    previous: Tensor | None,
    uniforms: Tensor,
    truncation: Truncation,
) -> DrawnTokens:
    """Draws each row's next token by inverting the tempered distribution function at the row's random number.

    Args:
        logits: [rows, vocabulary], untempered, float32; -inf where a token cannot come.
        positions, previous: [rows], as in RowTemperatures.at.
        uniforms: [rows], float64, in [0, 1).
        truncation: cuts the tempered distribution, which the log-probs are then those of.
    """
    size = _rows_at_a_time(logits)
    if len(logits) <= size:
        highest, entropies = _first_reading(logits)
        temperatures = rules.at(entropies, positions, previous)
        tokens, logprobs, cut = _second_reading(logits, highest, temperatures, uniforms, truncation)
        return DrawnTokens(tokens, logprobs, temperatures, entropies, cut)
    parts = logits.split(size)
    highest, entropies = (torch.cat(column) for column in zip(*map(_first_reading, parts), strict=True))
    temperatures = rules.at(entropies, positions, previous)
    drawn = [
        _second_reading(part, of_highest, of_temperatures, of_uniforms, truncation)
        for part, of_highest, of_temperatures, of_uniforms in zip(
            parts, highest.split(size), temperatures.split(size), uniforms.split(size), strict=True
        )
    ]
    tokens, logprobs = torch.cat([part[0] for part in drawn]), torch.cat([part[1] for part in drawn])
    cuts = [part[2] for part in drawn if part[2] is not None]
    cut = Cut(torch.cat([part.floor for part in cuts]), torch.cat([part.last for part in cuts])) if cuts else None
    return DrawnTokens(tokens, logprobs, temperatures, entropies, cut)


def _rows_at_a_time(logits: Tensor) -> int:
    rows, vocabulary = logits.shape
    return max(1, _AT_A_TIME // vocabulary) if logits.device.type == "cpu" else max(1, rows)


def _first_reading(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Maxima and entropies, [rows] each."""
    highest = logits.amax(-1)
    below = (logits - highest[:, None]).clamp_(min=_LEAST)
    weights = below.exp()
    mass = _block_sums(weights).sum(-1)
    moment = _block_sums(weights.mul_(below)).sum(-1)
    return highest, (mass.log() - moment / mass).float()


def _second_reading(
    logits: Tensor, highest: Tensor, temperatures: Tensor, uniforms: Tensor, truncation: Truncation
) -> tuple[Tensor, Tensor, Cut | None]:
    """Tokens and log-probs, [rows] each, and what truncation keeps."""
    vocabulary = logits.shape[1]
    weights = (logits - highest[:, None]).div_(temperatures[:, None]).exp_()
    cut = None
    if truncation.cuts:
        cut = _cut(logits, highest, temperatures, _block_sums(weights).sum(-1), truncation)
        weights.masked_fill_(cut.dropped(logits), 0.0)
    if vocabulary <= _BLOCK:
        inside = weights.double().cumsum(-1)
        total = inside[:, -1:].contiguous()
        tokens = _first_above(inside, uniforms[:, None] * total, total)
    else:
        sums = _block_sums(weights)
        upto = sums.cumsum(-1)
        total = upto[:, -1:].contiguous()
        target = uniforms[:, None] * total
        block = _first_above(upto, target, total)
        own = sums.gather(1, block)
        share = (target - (upto.gather(1, block) - own)) / own
        index = block * _BLOCK + torch.arange(_BLOCK, device=logits.device)
        beyond = index >= vocabulary
        entries = weights.gather(1, index.clamp_(max=vocabulary - 1)).double().masked_fill_(beyond, 0.0)
        inside = entries.cumsum(-1)
        of_block = inside[:, -1:].contiguous()
        tokens = block * _BLOCK + _first_above(inside, share * of_block, of_block)
    below = (logits.gather(1, tokens).squeeze(1) - highest) / temperatures
    return tokens.squeeze(1), (below - total.squeeze(1).log()).float(), cut


def _first_above(cumulative: Tensor, target: Tensor, total: Tensor) -> Tensor:
    """The first place [rows, 1] whose cumulative sum [rows, places] exceeds the target [rows, 1]; it has weight."""
    below_total = torch.minimum(target, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(cumulative, below_total, right=True).clamp_(max=cumulative.shape[1] - 1)


def _block_sums(values: Tensor) -> Tensor:
    """Sums by blocks, float64 [rows, blocks], of float32 [rows, vocabulary]; the last block holds what is left over."""
    vocabulary = values.shape[1]
    if vocabulary <= _BLOCK:
        return values.sum(-1, keepdim=True, dtype=torch.float64)
    whole = vocabulary // _BLOCK * _BLOCK
    sums = []
    if whole:
        sums.append(values[:, :whole].unflatten(1, (-1, _BLOCK)).sum(-1))
    if whole < vocabulary:
        sums.append(values[:, whole:].sum(-1, keepdim=True))
    return torch.cat(sums, 1).double()


def _cut(logits: Tensor, highest: Tensor, temperatures: Tensor, total: Tensor, truncation: Truncation) -> Cut:
    """The strictest of the rules that are set; the likeliest token is never left out.

    Args:
        total: [rows], float64, the sums of exp((z - highest) / T).
    """
    vocabulary = logits.shape[1]
    floor = torch.full_like(highest, -math.inf)
    if truncation.min_p:
        floor = highest + temperatures * math.log(truncation.min_p)
    if truncation.top_n_sigma is not None:
        floor = torch.maximum(floor, highest - truncation.top_n_sigma * _deviations(logits))
    floor = torch.minimum(floor, highest)
    last = torch.full_like(highest, vocabulary, dtype=torch.long)
    if truncation.top_p not in (None, 1):
        at, end = nucleus_end(logits, highest, temperatures, total, truncation.top_p)
        last = torch.where(at >= floor, end, last)
        floor = torch.maximum(at, floor)
    return Cut(floor, last)


def _deviations(logits: Tensor) -> Tensor:
    """The standard deviations [rows] of the logits that are finite; 0 where only one is."""
    finite = logits.isfinite()
    count = finite.sum(-1)
    mean = _block_sums(logits.masked_fill(~finite, 0.0)).sum(-1) / count
    squares = (logits - mean.float()[:, None]).square_().masked_fill_(~finite, 0.0)
    return (_block_sums(squares).sum(-1) / (count - 1).clamp(min=1)).sqrt().float()
