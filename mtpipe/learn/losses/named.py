"""The surrogates that `update.loss` names (mtpipe.settings.losses has the table), and those of one's own."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mtpipe.errors import MtpipeError
from mtpipe.learn.losses.surrogates import Surrogate, clipped, sequence_log_ratio
from mtpipe.learn.losses.surrogates import cispo as cispo_of
from mtpipe.settings.losses import loss_kind
from mtpipe.settings.plugins import load_function, own_code, written_in


@dataclass(frozen=True)
class LossInputs:
    """What a loss sees of some response tokens, with what `update` says of its clip.

    Attributes:
        log_ratio: log(policy / old policy), with gradient.
        logprobs: log-probs under the policy, with gradient; nats.
        advantages: each token's response's.
        response_index: the response that a token belongs to, as an index from 0. Responses are whole.
        clip_low, clip_high: for all tokens, or one for each.
    """

    log_ratio: Float[Tensor, " tokens"]
    logprobs: Float[Tensor, " tokens"]
    advantages: Float[Tensor, " tokens"]
    response_index: Int[Tensor, " tokens"]
    clip_low: Float[Tensor, " tokens"] | float
    clip_high: Float[Tensor, " tokens"] | float
    dual_clip: float | None


def surrogate_of(name: str, tokens: LossInputs) -> Surrogate:
    """What the loss of that name gives each token.

    Raises MtpipeError, with file and line, if one of one's own fails or gives anything but a finite number for each
    token, with gradient.
    """
    path = loss_kind(name).surrogate
    function = load_function(path, ("tokens",), "loss")
    if path != name:
        found: Surrogate = function(tokens)
        return found
    try:
        with own_code(path):
            losses = function(tokens)
    except ValueError as error:
        raise MtpipeError(f"params.yaml: update.loss: {error}") from error
    if fault := _fault(losses, tokens.log_ratio):
        raise MtpipeError(f"params.yaml: update.loss: {path} ({written_in(function)}) gave {fault}")
    return Surrogate(losses, tokens.log_ratio.detach().exp(), torch.zeros_like(losses, dtype=torch.bool))


def ppo(tokens: LossInputs) -> Surrogate:
    """Each token's own ratio, clipped: grpo, dapo, bnpo and dr_grpo, which differ by their weights."""
    return clipped(tokens.log_ratio, tokens.advantages, tokens.clip_low, tokens.clip_high, tokens.dual_clip)


def gspo(tokens: LossInputs) -> Surrogate:
    """The response's mean log-ratio in the place of each token's, clipped."""
    whole = sequence_log_ratio(tokens.log_ratio, tokens.response_index)
    return clipped(whole, tokens.advantages, tokens.clip_low, tokens.clip_high, tokens.dual_clip)


def cispo(tokens: LossInputs) -> Surrogate:
    """The log-prob, weighed by the ratio up to its clip."""
    assert isinstance(tokens.clip_high, float)
    return cispo_of(tokens.log_ratio, tokens.logprobs, tokens.advantages, tokens.clip_high)


def _fault(losses: Any, log_ratio: Tensor) -> str | None:
    """What is wrong with the losses of one's own function; None if nothing is."""
    if not isinstance(losses, Tensor):
        return f"{losses!r:.200}; expected a tensor with a loss for each token"
    if losses.shape != log_ratio.shape:
        return f"the shape {list(losses.shape)} for {len(log_ratio)} tokens; expected {list(log_ratio.shape)}"
    if not losses.isfinite().all():
        where = int((~losses.isfinite()).nonzero()[0])
        return f"{losses[where].item()} for token {where}, whose log-ratio is {log_ratio[where].item():g}"
    if log_ratio.requires_grad and not losses.requires_grad:
        return "losses without a gradient; expected a function of tokens.log_ratio or tokens.logprobs"
    return None
