"""The weights and the optimizer's state as one whole, whether one process holds them or several share them.

What N processes write, M read: a file always has whole tensors.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from mtpipe.learn.distributed.shards import fill, whole
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.state.optimizer import write_state
from mtpipe.model.policy import Policy, save_policy


@dataclass(frozen=True)
class Checkpoint:
    """A policy to be written; `weights` are whole tensors where the model holds a part of them only."""

    policy: Policy
    weights: dict[str, Tensor] | None
    state: dict[str, Tensor]

    def write(self, folder: Path, tokenizer_from: Path) -> None:
        """Writes weights, configuration, tokenizer and optimizer state into a new folder."""
        save_policy(self.policy, folder, tokenizer_from, self.weights)
        write_state(self.state, folder)


def checkpoint(learner: Learner) -> Checkpoint | None:
    """Gathers the checkpoint in the first process, with the help of all; None in the others."""
    policy, ranks = learner.policy, learner.ranks
    state = learner.optimizer.tensors()
    if ranks.count == 1:
        return Checkpoint(policy, None, state)
    weights = {name: whole(tensor) for name, tensor in policy.model.named_parameters()}
    kept = policy.model.state_dict().keys()  # other buffers are made anew when the model is
    weights |= {name: buffer for name, buffer in policy.model.named_buffers() if name in kept}
    return Checkpoint(policy, weights, state) if ranks.first else None


def load_weights(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Takes up whole tensors, or this process's part of them."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            fill(parameter, weights[name])
