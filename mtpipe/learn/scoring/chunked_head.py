"""Log-probs and entropies from hidden states, without ever holding the logits of all tokens."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

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
        ctx.save_for_backward(hidden, weight, bias, targets, temperatures)
        ctx.softcap, ctx.masks, ctx.chunk, ctx.dtype = softcap, masks, chunk, dtype
        ctx.set_materialize_grads(False)
        parts = []
        with torch.autocast(hidden.device.type, enabled=False):
            cast = weight.to(dtype)
            for part in _parts(len(targets), chunk):
                logits = _logits(hidden[part], cast, bias, softcap)
                divided = _tempered(logits, temperatures[part, None], masks, part)
                tempered, entropy_tempered = _score(divided, targets[part])
                del divided
                parts.append((tempered, *_score(logits, targets[part]), entropy_tempered))
        tempered, untempered, entropy, entropy_tempered = (torch.cat(column) for column in zip(*parts, strict=True))
        if not entropy_gradient:
            ctx.mark_non_differentiable(entropy, entropy_tempered)
        return tempered, untempered, entropy_tempered, entropy

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, targets, temperatures = ctx.saved_tensors
        cast = weight.to(ctx.dtype)
        hidden_gradient = torch.empty_like(hidden)
        weight_gradient = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        bias_gradient = torch.zeros_like(bias) if bias is not None and ctx.needs_input_grad[2] else None
        with torch.autocast(hidden.device.type, enabled=False):
            for part in _parts(len(targets), ctx.chunk):
                logits = _logits(hidden[part], cast, bias, ctx.softcap)
                gradient = None
                of_tempered, of_untempered, of_entropy_tempered, of_entropy = gradients
                for of_logprob, of_its_entropy, tempered in (
                    (of_tempered, of_entropy_tempered, True),
                    (of_untempered, of_entropy, False),
                ):
                    if of_logprob is None and of_its_entropy is None:
                        continue
                    scale = temperatures[part, None] if tempered else 1.0
                    divided = _tempered(logits, temperatures[part, None], ctx.masks, part) if tempered else logits
                    terms = []
                    if of_logprob is not None:
                        terms.append(_logits_gradient(divided, of_logprob[part, None] / scale, targets[part, None]))
                    if of_its_entropy is not None:
                        terms.append(_entropy_gradient(divided, of_its_entropy[part, None] / scale))
                    for term in terms:
                        gradient = term if gradient is None else gradient.add_(term)
                if gradient is None:
                    return (None,) * 10
                if ctx.softcap is not None:
                    gradient.mul_(1 - (logits / ctx.softcap).square_())
                del logits
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


def _score(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probs of the targets and entropies, [tokens] each."""
    logprobs = logits.log_softmax(-1)
    return logprobs.gather(1, targets[:, None]).squeeze(1), torch.special.entr(logprobs.exp_()).sum(-1)


def _tempered(logits: Tensor, temperatures: Tensor, masks: Masks | None, part: slice) -> Tensor:
    """The logits [tokens, vocabulary] of the distributions that were sampled from, -inf where they were cut."""
    divided = logits / temperatures
    return divided if masks is None else divided.masked_fill_(masks.dropped(part, logits.shape[1]), -math.inf)


def _logits_gradient(divided: Tensor, slope: Tensor, targets: Tensor) -> Tensor:
    """d log-prob / d logits = (onehot - softmax(logits / T)) / T, times the upstream gradient; slope is both of these.

    `divided` is logits / T, `slope` [tokens, 1] the upstream gradient over T.
    """
    return divided.softmax(-1).mul_(-slope).scatter_add_(1, targets, slope)


def _entropy_gradient(divided: Tensor, slope: Tensor) -> Tensor:
    """d entropy / d logits = -p (log p + entropy) / T with p = softmax(logits / T), times the upstream gradient.

    Written with -p log p, which is 0 where p is, so that a token that was cut leaves no NaN.
    """
    probabilities = divided.softmax(-1)
    terms = torch.special.entr(probabilities)
    return terms.sub_(probabilities.mul_(terms.sum(-1, keepdim=True))).mul_(slope)
