"""One token a row, drawn from logits: what every sampling engine does with a model's output.

A token is the inverse of the tempered distribution function, in the order of the vocabulary, at one random number. What
is summed in which order depends on the vocabulary alone, so a row's token is the same in any batch. With up to `BLOCK`
tokens the cost is the number of calls, and the function is as short as it can be; beyond, it is the number of times
that the logits are read, and `mtpipe.sampling.drawing.blocks` reads them twice.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from mtpipe.sampling.drawing.blocks import block_entropies, draw_by_blocks
from mtpipe.sampling.drawing.by_row import BLOCK, first_above
from mtpipe.sampling.drawing.cuts import kept_of_few
from mtpipe.sampling.drawing.evenly import Exploring, draw_evenly
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.masks import Masks
from mtpipe.temperature.truncation import Truncation


class DrawnTokens(NamedTuple):
    """The next token of each row, [rows], with what it was drawn from.

    `masks` holds what truncation left of each row, if that was asked for and anything is ever left out, or what rows
    that explore were drawn among.
    """

    tokens: Tensor
    logprobs: Tensor
    temperatures: Tensor
    entropies: Tensor
    masks: Masks | None


def token_entropies(logits: Tensor) -> Tensor:
    """The entropies [rows] in nats of the untempered distributions; logits [rows, vocabulary] may hold -inf."""
    return _few_entropies(logits) if logits.shape[1] <= BLOCK else block_entropies(logits)


def draw_tokens(
    logits: Tensor,
    rules: RowTemperatures,
    positions: Tensor,
    previous: Tensor | None,
    uniforms: Tensor,
    truncation: Truncation,
    record_masks: bool = False,
    rule_uniforms: Tensor | None = None,
    exploring: Exploring | None = None,
) -> DrawnTokens:
    """Draws each row's next token by inverting the tempered distribution function at the row's random number.

    Args:
        logits: [rows, vocabulary], untempered, float32; -inf where a token cannot come.
        positions, previous: [rows], as in RowTemperatures.at.
        uniforms: [rows], float64, in [0, 1).
        truncation: cuts the tempered distribution, which the log-probs are then those of.
        record_masks: whether to return what truncation left.
        rule_uniforms: [rows], as `uniforms` in RowTemperatures.at; apart from those of the draw.
        exploring: the rows whose tokens are drawn evenly among the likeliest ones; without a truncation.
    """

    def temper(entropies: Tensor) -> Tensor:
        return rules.at(entropies, positions, previous, rule_uniforms)

    drawn = _draw(logits, temper, uniforms, truncation, record_masks)
    if exploring is None:
        return drawn
    rows, tokens, logprobs, masks = draw_evenly(logits, drawn.temperatures, positions, uniforms, exploring)
    return DrawnTokens(
        drawn.tokens.index_copy(0, rows, tokens),
        drawn.logprobs.index_copy(0, rows, logprobs),
        drawn.temperatures,
        drawn.entropies,
        masks,
    )


def _draw(
    logits: Tensor,
    temper: Callable[[Tensor], Tensor],
    uniforms: Tensor,
    truncation: Truncation,
    record_masks: bool,
) -> DrawnTokens:
    """By the temperatures that `temper` gives the rows' entropies."""
    if logits.shape[1] > BLOCK:
        return DrawnTokens(*draw_by_blocks(logits, temper, uniforms, truncation, record_masks))
    entropies = _few_entropies(logits)
    temperatures = temper(entropies)
    logprobs = (logits / temperatures[:, None]).log_softmax(-1)
    masks = None
    if truncation.cuts:
        kept = kept_of_few(logits, logprobs, temperatures, truncation)
        logprobs = logprobs.masked_fill_(~kept, -torch.inf).log_softmax(-1)
        masks = Masks.pack(kept) if record_masks else None
    upto = logprobs.double().exp_().cumsum(-1)
    tokens = first_above(upto, uniforms[:, None])
    return DrawnTokens(tokens.squeeze(1), logprobs.gather(1, tokens).squeeze(1), temperatures, entropies, masks)


def _few_entropies(logits: Tensor) -> Tensor:
    return torch.special.entr(logits.softmax(-1)).sum(-1)
