"""What scoring needs of logits, and the gradient that goes back into them, in one reading each.

On a CPU the logits [tokens, vocabulary] are read in pieces that stay in its cache while they are computed with; on a
GPU `kernels` reads them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from mtpipe.kernels import has_kernels

_AT_A_TIME = 1 << 20
"""Logits in one piece on a CPU."""

_LEAST = -1e6
"""In place of -inf where x * exp(x) is wanted, which then is 0 and not NaN."""


class Distribution(NamedTuple):
    """softmax(z / T) of each token, whose log-probs are (z - highest) / T - log_mass; all are [tokens, 1]."""

    temperatures: Tensor
    highest: Tensor
    log_mass: Tensor
    entropy: Tensor

    def of(self, tokens: Tensor | slice) -> "Distribution":
        """Those of some of the tokens."""
        return Distribution(*(values[tokens] for values in self))

    @property
    def offset(self) -> Tensor:
        """What added to z / T makes a log-prob, [tokens, 1]."""
        return -(self.highest / self.temperatures + self.log_mass)

    def logprobs(self, logits: Tensor, out: Tensor | None = None) -> Tensor:
        """Of logits [tokens, n], as (z / T) plus one number a token: one pass over them; `out` may be the logits."""
        return torch.addcmul(self.offset, logits, 1 / self.temperatures, out=out)

    def logprob(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Of the targets [tokens, 1], among logits [tokens, vocabulary]."""
        return (logits.gather(1, targets) - self.highest) / self.temperatures - self.log_mass


class Slopes(NamedTuple):
    """A distribution, and the upstream gradients [tokens, 1] of the targets' log-probs and of its entropy, if any."""

    distribution: Distribution
    of_logprob: Tensor | None
    of_entropy: Tensor | None

    def __bool__(self) -> bool:
        """Whether anything is sent back."""
        return self.of_logprob is not None or self.of_entropy is not None

    def of(self, tokens: Tensor | slice) -> "Slopes":
        """Those of some of the tokens."""
        return Slopes(
            self.distribution.of(tokens),
            None if self.of_logprob is None else self.of_logprob[tokens],
            None if self.of_entropy is None else self.of_entropy[tokens],
        )


def read(logits: Tensor, *temperatures: Tensor | None) -> list[Distribution]:
    """The distributions of logits [tokens, vocabulary], -inf allowed, at each of some temperatures [tokens, 1].

    None is a temperature of 1, at which nothing has to be divided.
    """
    if has_kernels(logits.device):
        return read_by_kernel(logits, *temperatures)
    parts = []
    for tokens in _pieces(logits):
        highest = logits[tokens].amax(-1, keepdim=True)
        below = (logits[tokens] - highest).clamp_(min=_LEAST)
        parts.append(
            [_distribution(highest, below, None if of_token is None else of_token[tokens]) for of_token in temperatures]
        )
    return [Distribution(*map(torch.cat, zip(*of_one, strict=True))) for of_one in zip(*parts, strict=True)]


def read_by_kernel(logits: Tensor, *temperatures: Tensor | None) -> list[Distribution]:
    """As `read`, on a GPU."""
    from mtpipe.learn.scoring import kernels

    ones = torch.ones_like(logits[:, :1])
    heat = [ones if of_token is None else of_token for of_token in temperatures]
    highest, masses, entropies = kernels.read_by_kernel(logits, torch.cat(heat, 1).t())
    return [
        Distribution(of_token, highest[:, None], mass[:, None], entropy[:, None])
        for of_token, mass, entropy in zip(heat, masses, entropies, strict=True)
    ]


def _distribution(highest: Tensor, below: Tensor, temperatures: Tensor | None) -> Distribution:
    weights = below.exp() if temperatures is None else (below / temperatures).exp_()
    temperatures = torch.ones_like(highest) if temperatures is None else temperatures
    mass = weights.sum(-1, keepdim=True)
    moment = weights.mul_(below).sum(-1, keepdim=True) / temperatures
    return Distribution(temperatures, highest, mass.log(), mass.log() - moment / mass)


def to_gradient_(logits: Tensor, targets: Tensor, terms: list[Slopes], softcap: float | None = None) -> Tensor:
    """Puts the gradient that all terms send back in the place of the logits.

    With p = softmax(z / T):  d log p(target) / dz = (onehot - p) / T,  d H / dz = -p (log p + H) / T.

    Args:
        logits: [tokens, vocabulary], -inf where a token was left out, which then gets no gradient.
        targets: [tokens, 1].
        softcap: the gradient becomes that of what the logits were before softcap * tanh(x / softcap).
    """
    if terms and has_kernels(logits.device):
        return to_gradient_by_kernel_(logits, targets, terms, softcap)
    for tokens in _pieces(logits):
        piece = logits[tokens]
        if len(terms) == 1 and terms[0].of_entropy is None and softcap is None:
            _sent_back(piece, targets[tokens], terms[0].of(tokens), out=piece)
            continue
        gradient = None
        for term in terms:
            sent = _sent_back(piece, targets[tokens], term.of(tokens))
            gradient = sent if gradient is None else gradient.add_(sent)
        if gradient is None:
            piece.zero_()
            continue
        if softcap is not None:
            gradient.mul_(1 - (piece / softcap).clamp_(-1, 1).square_())  # -inf is beyond the cap
        piece.copy_(gradient)
    return logits


def to_gradient_by_kernel_(logits: Tensor, targets: Tensor, terms: list[Slopes], softcap: float | None) -> Tensor:
    """As `to_gradient_`, on a GPU."""
    from mtpipe.learn.scoring import kernels

    numbers = [
        [
            term.distribution.temperatures,
            term.distribution.offset,
            term.distribution.entropy,
            *(torch.zeros_like(term.distribution.entropy) if up is None else up for up in term[1:]),
        ]
        for term in terms
    ]
    of_token = [[column.squeeze(1).float() for column in columns] for columns in numbers]
    kernels.to_gradient_by_kernel_(logits, targets.squeeze(1), of_token, softcap or 0.0)
    return logits


def _sent_back(logits: Tensor, targets: Tensor, term: Slopes, out: Tensor | None = None) -> Tensor:
    distribution, of_logprob, of_entropy = term
    logprobs = distribution.logprobs(logits, out)
    if of_entropy is None:
        assert of_logprob is not None
        slope = of_logprob / distribution.temperatures
        return logprobs.exp_().mul_(-slope).scatter_add_(1, targets, slope)
    gradient = logprobs.exp()
    factor = logprobs.clamp_(min=_LEAST).add_(distribution.entropy).mul_(-of_entropy / distribution.temperatures)
    if of_logprob is None:
        return gradient.mul_(factor)
    slope = of_logprob / distribution.temperatures
    return gradient.mul_(factor.sub_(slope)).scatter_add_(1, targets, slope)


def _pieces(logits: Tensor) -> Iterator[slice]:
    tokens, vocabulary = logits.shape
    size = max(1, _AT_A_TIME // vocabulary) if logits.device.type == "cpu" else max(1, tokens)
    return (slice(start, start + size) for start in range(0, tokens, size))
