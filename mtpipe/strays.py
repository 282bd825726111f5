"""How often heat would lead a policy astray, and how much of that an entropy rule saves: `python -m mtpipe strays`.

A token strays where it is drawn among those that the policy gives less than IMPROBABLE at T = 1. How many of a
response's tokens are expected to at another temperature follows from the policy alone: no training, and no knowledge
of what a token is for. docs/temperature-map.md has how far it foretold what training at that heat came to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtpipe.errors import MtpipeError
from mtpipe.learn.scoring.sequences import entropies, pad
from mtpipe.model.output_head import OutputHead
from mtpipe.model.policy import load_policy
from mtpipe.model.probe import output_head
from mtpipe.records import Rollout
from mtpipe.text_table import aligned

IMPROBABLE = 0.01
"""Below this probability at T = 1 a drawn token strays."""

_RESPONSES_AT_A_TIME = 8
_LOGITS_AT_A_TIME = 1 << 25
"""128 MiB in float32, and half a dozen times that while they are computed with."""


@dataclass(frozen=True)
class Strays:
    """The tokens of some responses.

    Attributes:
        heats: temperatures, of which the first is 1.
        entropies: of the tokens' distributions at T = 1, in nats, [tokens].
        chances: that a token drawn at each heat strays, [heats, tokens].
        responses: how many there are.
    """

    heats: tuple[float, ...]
    entropies: NDArray[np.float64]
    chances: NDArray[np.float64]
    responses: int

    def by_rule(self, share: float) -> NDArray[np.float64]:
        """Strays a response where `share` of the tokens, those of the highest entropy, are at each heat: [heats].

        The other tokens are at T = 1.
        """
        hot = self.entropies >= np.quantile(self.entropies, 1 - share)
        total: NDArray[np.float64] = np.where(hot, self.chances, self.chances[:1]).sum(axis=1) / self.responses
        return total


@torch.no_grad()
def count_strays(
    rollouts: Sequence[Rollout], policy_folder: Path, heats: Sequence[float], device: torch.device
) -> Strays:
    """Reads responses, sampled at T = 1, with the policy that gave them; 1 is put before the heats.

    Raises MtpipeError if there is no response, or if one was sampled at another temperature.
    """
    answered = [rollout for rollout in rollouts if rollout.response_ids]
    if not answered:
        raise MtpipeError("strays are counted in responses, and there is none")
    if other := {temperature for rollout in rollouts for temperature in rollout.temperatures} - {1.0}:
        raise MtpipeError(f"strays are counted in responses at T = 1; these have a token at {min(other):g}")
    head = output_head(load_policy(policy_folder, device).model)
    temperatures = (1.0, *(heat for heat in heats if heat != 1.0))
    found_entropies, found_chances = [], []
    for start in range(0, len(answered), _RESPONSES_AT_A_TIME):
        for logits in _logits(head, answered[start : start + _RESPONSES_AT_A_TIME], device):
            logprobs = logits.log_softmax(-1)
            found_entropies.append(entropies(logprobs).double().cpu())
            found_chances.append(_chances(logprobs, temperatures).double().cpu())
    return Strays(
        temperatures, torch.cat(found_entropies).numpy(), torch.cat(found_chances, dim=1).numpy(), len(rollouts)
    )


def _logits(head: OutputHead, rollouts: Sequence[Rollout], device: torch.device) -> Iterator[Tensor]:
    """The logits that each response token was drawn from, some tokens [tokens, vocabulary] at a time."""
    sequences = pad([each.prompt_ids for each in rollouts], [each.response_ids for each in rollouts], device)
    hidden = head.body(input_ids=sequences.ids, use_cache=False).last_hidden_state
    before = hidden[sequences.response_index, sequences.column - 1]
    size = head.logits(before[:1]).shape[-1]
    for part in before.split(max(1, _LOGITS_AT_A_TIME // size)):
        yield head.logits(part)


def _chances(logprobs: Tensor, temperatures: Sequence[float]) -> Tensor:
    """Of log-probs at T = 1 [tokens, vocabulary]: the mass that each temperature puts on improbable tokens."""
    improbable = logprobs < float(np.log(IMPROBABLE))
    return torch.stack([(logprobs / heat).softmax(-1).masked_fill(~improbable, 0.0).sum(-1) for heat in temperatures])


def format_strays(strays: Strays, shares: Sequence[float]) -> str:
    """A table: strays a response with all tokens at a heat, with some of them, and how many fewer the latter are."""
    tokens = len(strays.entropies)
    everywhere = strays.by_rule(1.0)
    header = ["heat", "all tokens"]
    for share in shares:
        header += [f"highest {100 * share:g} %", "saved"]
    rows = []
    for place, heat in enumerate(strays.heats):
        row = [f"{heat:g}", f"{everywhere[place]:.3f}"]
        for share in shares:
            by_rule = strays.by_rule(share)[place]
            row += [f"{by_rule:.3f}", f"{everywhere[place] - by_rule:.3f}"]
        rows.append(row)
    opening = (
        f"{strays.responses:,} responses at T = 1, {tokens / strays.responses:.1f} tokens each.\n"
        f"How many tokens of a response would be drawn among those below {100 * IMPROBABLE:g} % at T = 1:\n"
        "with all at the heat; with those of the highest entropy at it and the others at 1; and the\n"
        "difference, which is what such a rule saves."
    )
    return "\n".join([opening, "", *aligned([header, *rows], right=range(1, 2 + 2 * len(shares)))])
