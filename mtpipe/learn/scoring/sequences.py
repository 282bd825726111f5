"""Token log-probabilities and entropies of a policy, at each token's own temperature."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache

from mtpipe.model.output_head import OutputHead


@dataclass(frozen=True)
class Context:
    """What the responses of a micro-batch go on from.

    `cache` has the keys and values of their prompts, `last` [sequences, hidden_size] the hidden state at the end of
    each prompt, `positions` [sequences, width] that of each response token, and `mask` [sequences, prompts' width +
    width] is 1 for a token and 0 for padding.
    """

    cache: DynamicCache
    last: Tensor
    positions: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Sequences:
    """Prompts with their responses, right-padded; made by `pad`.

    `ids` is [sequences, width]. Token n of the flat list of all response tokens stands in sequence `row[n]` at
    column `column[n]`; both are [tokens]. With a `context` the columns are those of responses alone, which go on from
    prompts that the model has read before.
    """

    ids: Tensor
    response_index: Tensor
    column: Tensor
    context: Context | None = None

    @property
    def targets(self) -> Tensor:
        """The response tokens, flat: [tokens]."""
        return self.ids[self.response_index, self.column]


def pad(prompts: list[list[int]], responses: list[list[int]], device: torch.device | str = "cpu") -> Sequences:
    """Lays sequences out for one forward pass. Padding stands behind everything, so a causal model never reads it."""
    width = max(len(prompt) + len(response) for prompt, response in zip(prompts, responses, strict=True))
    ids = torch.zeros(len(prompts), width, dtype=torch.long)
    row: list[int] = []
    column: list[int] = []
    for index, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
        end = len(prompt) + len(response)
        ids[index, :end] = torch.tensor(prompt + response)
        row += [index] * len(response)
        column += range(len(prompt), end)
    return Sequences(ids.to(device), torch.tensor(row, device=device), torch.tensor(column, device=device))


def token_logits(head: OutputHead, sequences: Sequences) -> Tensor:
    """The untempered logits that each response token was drawn from: [tokens, vocabulary], float32.

    The logits for a token are those of the position before it. Everything that belongs to a token (its
    temperature, its sampled log-prob) is indexed by the token itself; only this function shifts.
    """
    hidden = head.body(input_ids=sequences.ids, use_cache=False).last_hidden_state
    return head.logits(hidden[sequences.response_index, sequences.column - 1])


def tempered_logprobs(logits: Tensor, targets: Tensor, temperatures: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the targets and entropies of their distributions, both in nats and at temperature.

    Args:
        logits: [tokens, vocabulary], untempered.
        targets: [tokens].
        temperatures: [tokens].

    Returns:
        log-probabilities [tokens] and entropies [tokens].
    """
    logprobs = (logits / temperatures[:, None]).log_softmax(-1)
    return logprobs.gather(1, targets[:, None]).squeeze(1), entropies(logprobs)


def entropies(logprobs: Tensor) -> Tensor:
    """Entropy in nats of each row of log-probabilities [tokens, vocabulary], without gradient."""
    return torch.special.entr(logprobs.detach().exp()).sum(-1)
