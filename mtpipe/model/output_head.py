"""From hidden states to logits, as a model does it: found by asking the model, not by its name.

The update reads hidden states and makes logits from them a chunk at a time, so it has to know what the model does
behind its last layer: a linear head, in some models with a scale (Cohere, Granite) or a soft cap (Gemma 2).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from mtpipe.errors import MtpipeError

SIZES = (1e6, 2e6, 0.1, 10.0, 100.0)
"""Of the logits asked for, one a token: two far beyond any soft cap, and three that the formula has to meet."""

_TOLERANCE = 1e-4
"""Of the largest logit; float32 rounds the sums of a wide layer by less than a tenth of it."""


@dataclass(frozen=True)
class OutputHead:
    """logits = softcap * tanh(scale * linear(hidden) / softcap), or scale * linear(hidden) without a soft cap.

    Attributes:
        body: from token ids to `last_hidden_state`.
        linear: from a hidden state to the vocabulary.
    """

    body: nn.Module
    linear: nn.Linear
    scale: float = 1.0
    softcap: float | None = None

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., vocabulary], float32."""
        logits = self.linear(hidden).float()
        if self.scale != 1.0:
            logits = logits * self.scale
        return logits if self.softcap is None else self.softcap * torch.tanh(logits / self.softcap)

    @classmethod
    @torch.no_grad()
    def of(cls, model: PreTrainedModel, ids: Tensor) -> "OutputHead":
        """The head of a model, found with a few tokens [1, width], in two forward passes.

        In the second one the model has hidden states of our choosing in the place of its body's. Large ones show a soft
        cap, others the scale; then the formula has to give what the model gives.

        Raises MtpipeError if it does not.
        """
        linear = model.get_output_embeddings()
        if not isinstance(linear, nn.Linear):
            raise MtpipeError(
                f"{type(model).__name__} has the output head {type(linear).__name__}, and what learns from hidden "
                f"states needs a linear head; choose another model.checkpoint"
            )
        shape = (1, ids.shape[1], linear.in_features)
        for body in _bodies(model):
            with _in_place_of(body, None) as seen:
                model(input_ids=ids)
            if seen and seen[-1] == shape:
                return _found(model, body, linear, ids)
        raise MtpipeError(
            f"{type(model).__name__} has no part whose last hidden states its output head reads; choose another "
            f"model.checkpoint"
        )


def _bodies(model: PreTrainedModel) -> list[nn.Module]:
    """The parts of a model that may give its last hidden states: what transformers takes for it, and all others."""
    parts = [model.base_model, model.get_decoder(), *model.children()]
    return [part for index, part in enumerate(parts) if part is not model and part not in parts[:index]]


def _found(model: PreTrainedModel, body: nn.Module, linear: nn.Linear, ids: Tensor) -> OutputHead:
    """The head, from the model's logits for hidden states that take the place of its body's."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(1, len(SIZES), linear.in_features, generator=generator).to(linear.weight)
    largest = (hidden @ linear.weight.t()).abs().amax(-1, keepdim=True)
    hidden *= torch.tensor(SIZES, device=hidden.device)[:, None] / largest
    with _in_place_of(body, hidden):
        own = model(input_ids=ids).logits[0].double()
    plain = linear(hidden)[0].double()
    if own.shape != plain.shape:
        raise MtpipeError(
            f"{type(model).__name__} has {own.shape[-1]} logits and an output head of {plain.shape[-1]}; choose "
            f"another model.checkpoint"
        )
    once, twice = own[:2].abs().amax(-1).tolist()
    softcap = once if twice < 1.001 * once else None
    before_cap, straight = own[3], plain[3]
    if softcap is not None:
        straight = straight[own[3].abs() < 0.9 * softcap]
        before_cap = softcap * torch.atanh(own[3][own[3].abs() < 0.9 * softcap] / softcap)
    scale = float((before_cap * straight).sum() / straight.square().sum())
    found = OutputHead(body, linear, 1.0 if abs(scale - 1) < 1e-6 else scale, softcap)
    gap = ((found.logits(hidden)[0] - own).abs().amax(-1) / own.abs().amax(-1))[2:].max()
    if not gap < _TOLERANCE:
        raise MtpipeError(
            f"{type(model).__name__} makes its logits of hidden states neither by a linear head alone nor with a scale "
            f"or a soft cap behind it (they differ by {float(gap):.1g} of the largest logit), which nothing here "
            f"learns with; choose another model.checkpoint"
        )
    return found


@contextmanager
def _in_place_of(body: nn.Module, hidden: Tensor | None) -> Iterator[list[torch.Size]]:
    """Gives the model other last hidden states than its body's; yields the shapes of the body's own."""
    seen: list[torch.Size] = []

    def replaced(_: nn.Module, __: Any, output: Any) -> Any:
        first = output[0] if isinstance(output, tuple | dict) else None
        if not isinstance(first, Tensor):
            return None
        seen.append(first.shape)
        if hidden is None:
            return None
        if isinstance(output, tuple):
            return (hidden, *output[1:])
        output["last_hidden_state"] = hidden
        return output

    handle = body.register_forward_hook(replaced)
    try:
        yield seen
    finally:
        handle.remove()
