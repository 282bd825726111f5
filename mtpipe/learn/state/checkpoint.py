"""The weights and the optimizer's state as one whole, whether one process holds them or several share them.

What N processes write, M read: a file always has whole tensors.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mtpipe.learn.distributed.shards import fill, reshard, whole
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.state.optimizer import trained_parameters, write_state
from mtpipe.model.adapter import stored_parameters
from mtpipe.model.adapter_folder import is_adapter
from mtpipe.model.policy import Policy, load_policy, save_policy


@dataclass(frozen=True)
class Checkpoint:
    """A policy to be written; `weights` are whole tensors where the model holds a part of them only."""

    policy: Policy
    weights: dict[str, Tensor] | None
    state: dict[str, Tensor]

    def write(self, folder: Path, tokenizer_from: Path) -> None:
        """Writes weights, configuration and tokenizer into a new folder."""
        save_policy(self.policy, folder, tokenizer_from, self.weights)

    def write_state(self, file: Path) -> None:
        """Writes the optimizer's state."""
        write_state(self.state, file)


def checkpoint(learner: Learner) -> Checkpoint | None:
    """Gathers the checkpoint in the first process, with the help of all; None in the others."""
    policy, ranks = learner.policy, learner.ranks
    state = learner.optimizer.tensors()
    if ranks.count == 1:
        return Checkpoint(policy, None, state)
    weights = {name: whole(tensor) for name, tensor in trained_parameters(policy.model).items()}
    if policy.adapter is None:
        kept = policy.model.state_dict().keys()  # other buffers are made anew when the model is
        weights |= {name: buffer for name, buffer in policy.model.named_buffers() if name in kept}
    return Checkpoint(policy, weights, state) if ranks.first else None


def saved_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of a policy folder, or of its adapter, by the names of a model's parameters."""
    if is_adapter(folder):
        return stored_parameters(folder)
    return dict(load_policy(folder).model.named_parameters())


def load_weights(learner: Learner, weights: dict[str, Tensor]) -> None:
    """Takes up whole tensors, or this process's part of them; what is not trained stays."""
    reshard(learner.scorer)
    with torch.no_grad():
        for name, parameter in trained_parameters(learner.policy.model).items():
            fill(parameter, weights[name])
