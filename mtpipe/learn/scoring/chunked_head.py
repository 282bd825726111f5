"""Log-probs and entropies from hidden states, without ever holding the logits of all tokens."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mtpipe.learn.scoring.left_over import left_over
from mtpipe.learn.scoring.readings import Distribution, Slopes, read, to_gradient_
from mtpipe.temperature.masks import Masks

LOGITS_PER_CHUNK = 2**25
"""128 MiB in float32. Small chunks cost passes over the head's gradient, which has the size of its weights."""


@dataclass(frozen=True)
class TokenScores:
    """All in nats. The log-probs carry gradient, the entropies where it was asked for."""

    tempered: Float[Tensor, " tokens"]
    untempered: Float[Tensor, " tokens"]
    entropy_tempered: Float[Tensor, " tokens"]
    entropy: Float[Tensor, " tokens"]


def token_scores(
    hidden: Float[Tensor, "tokens hidden_size"],
    weight: Float[Tensor, "vocabulary hidden_size"],
    bias: Float[Tensor, " vocabulary"] | None,
    softcap: float | None,
    targets: Int[Tensor, " tokens"],
    temperatures: Float[Tensor, " tokens"],
    chunk: int | None = None,
    masks: Masks | None = None,
    entropy_gradient: bool = False,
) -> TokenScores:
    """Scores tokens at their own temperatures and at T=1.

    Logits are made for `chunk` tokens at a time, in the forward pass and again in the backward pass, so memory holds
    [chunk, vocabulary] and never [tokens, vocabulary]. Values and gradients are those of the plain computation, as
    each token's depend on its own logits alone. Under autocast the products are in its type and the rest in float32.

    Args:
        hidden: the last hidden state that each token was drawn from.
        weight, bias: of the output head.
        softcap: logits become softcap * tanh(logits / softcap) before any temperature, as in Gemma.
        masks: what truncation left of each token's distribution; cuts the tempered one, before it is normalised. A
            target that was left out has a log-prob of -inf.
        entropy_gradient: whether the entropies carry gradient too; it costs nothing where none flows back.
    """
    kind = hidden.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
    chunk = chunk or max(1, LOGITS_PER_CHUNK // weight.shape[0])
    return TokenScores(
        *_Scores.apply(hidden, weight, bias, softcap, targets, temperatures, masks, chunk, dtype, entropy_gradient)
    )


@torch.no_grad()
def logprobs_at(
    hidden: Float[Tensor, "tokens hidden_size"],
    weight: Float[Tensor, "vocabulary hidden_size"],
    bias: Float[Tensor, " vocabulary"] | None,
    softcap: float | None,
    targets: Int[Tensor, " tokens"],
    candidates: list[float],
    chunk: int | None = None,
) -> Float[Tensor, "tokens candidates"]:
    """Log-probs of tokens at each of some temperatures; the logits are made once.

    Args:
        hidden, weight, bias, softcap, targets: as in `token_scores`.
    """
    kind = hidden.device.type
    cast = weight.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else weight
    parts = []
    with torch.autocast(kind, enabled=False):
        for part in _parts(len(targets), chunk or max(1, LOGITS_PER_CHUNK // weight.shape[0])):
            logits = _logits(hidden[part], cast, bias, softcap)
            of_target = logits.gather(1, targets[part, None])
            parts.append(torch.cat([of_target / T - (logits / T).logsumexp(1, keepdim=True) for T in candidates], 1))
    return torch.cat(parts)


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        softcap: float | None,
        targets: Tensor,
        temperatures: Tensor,
        masks: Masks | None,
        chunk: int,
        dtype: torch.dtype,
        entropy_gradient: bool,
    ) -> tuple[Tensor, ...]:
        parts = []
        with torch.autocast(hidden.device.type, enabled=False):
            cast = weight.to(dtype)
            for part in _parts(len(targets), chunk):
                logits = _logits(hidden[part], cast, bias, softcap)
                own_masks = None if masks is None else masks.part(part)
                parts.append(_score(logits, targets[part, None], temperatures[part, None], own_masks))
        tempered, untempered, *distributions = (torch.cat(column) for column in zip(*parts, strict=True))
        ctx.save_for_backward(hidden, weight, bias, targets, *distributions)
        ctx.softcap, ctx.masks, ctx.chunk, ctx.dtype = softcap, masks, chunk, dtype
        ctx.set_materialize_grads(False)
        entropy_tempered, entropy = (Distribution(*distributions[at : at + 4]).entropy.squeeze(1) for at in (0, 4))
        if not entropy_gradient:
            ctx.mark_non_differentiable(entropy, entropy_tempered)
        return tempered.squeeze(1), untempered.squeeze(1), entropy_tempered, entropy

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, targets, *distributions = ctx.saved_tensors
        columns = [None if gradient is None else gradient[:, None] for gradient in gradients]
        tempered = Slopes(Distribution(*distributions[:4]), columns[0], columns[2])
        untempered = Slopes(Distribution(*distributions[4:]), columns[1], columns[3])
        cast = weight.to(ctx.dtype)
        hidden_gradient = torch.empty_like(hidden)
        weight_gradient = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        bias_gradient = torch.zeros_like(bias) if bias is not None and ctx.needs_input_grad[2] else None
        with torch.autocast(hidden.device.type, enabled=False):
            for part in _parts(len(targets), ctx.chunk):
                gradient = _logits(hidden[part], cast, bias, ctx.softcap)
                own_masks = None if ctx.masks is None else ctx.masks.part(part)
                slopes = (tempered.of(part), untempered.of(part))
                _to_gradient_(gradient, targets[part, None], *slopes, own_masks, ctx.softcap)
                if bias_gradient is not None:
                    bias_gradient += gradient.sum(0)
                gradient = gradient.to(ctx.dtype)
                hidden_gradient[part] = gradient @ cast
                if weight_gradient is not None:
                    product_in = hidden[part].to(ctx.dtype)
                    if ctx.dtype == weight_gradient.dtype:
                        weight_gradient.addmm_(gradient.t(), product_in)
                    else:
                        weight_gradient += gradient.t() @ product_in
        return hidden_gradient, weight_gradient, bias_gradient, *(None,) * 7


def _score(logits: Tensor, targets: Tensor, temperatures: Tensor, masks: Masks | None) -> tuple[Tensor, ...]:
    """The targets' log-probs, tempered and not, and the fields of the two distributions; all are [tokens, 1]."""
    if masks is None:
        alike = bool((temperatures == 1).all())
        tempered, *others = read(logits, None) if alike else read(logits, temperatures, None)
        untempered = tempered if alike else others[0]
        logprobs = tempered.logprob(logits, targets)
    else:
        (untempered,) = read(logits, None)
        tempered = Distribution(*(torch.empty_like(values) for values in untempered))
        logprobs = torch.empty_like(temperatures)
        for left in left_over(logits, targets, masks):
            (own,) = read(left.logits, temperatures[left.tokens])
            logprobs[left.tokens] = own.logprob(left.logits, left.targets).masked_fill_(left.missing, -torch.inf)
            for whole, values in zip(tempered, own, strict=True):
                whole[left.tokens] = values
    return logprobs, untempered.logprob(logits, targets), *tempered, *untempered


def _to_gradient_(
    logits: Tensor, targets: Tensor, tempered: Slopes, untempered: Slopes, masks: Masks | None, softcap: float | None
) -> None:
    """Puts the gradient of both distributions in the place of the logits, cut for the tempered one where masks are."""
    if masks is None or not tempered:
        to_gradient_(logits, targets, [slopes for slopes in (tempered, untempered) if slopes], softcap)
        return
    parts = left_over(logits, targets, masks)
    to_gradient_(logits, targets, [untempered] if untempered else [], softcap)
    for left in parts:
        left.add_to(logits, to_gradient_(left.logits, left.targets, [tempered.of(left.tokens)], softcap))


def _parts(tokens: int, chunk: int) -> list[slice]:
    return [slice(start, start + chunk) for start in range(0, tokens, chunk)]


def _logits(hidden: Tensor, weight: Tensor, bias: Tensor | None, softcap: float | None) -> Tensor:
    """[tokens, vocabulary], float32."""
    logits = (hidden.to(weight.dtype) @ weight.t()).float()
    if bias is not None:
        logits += bias
    if softcap is not None:
        logits = logits.div_(softcap).tanh_().mul_(softcap)
    return logits
