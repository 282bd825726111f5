"""A policy in training, with all that its update carries from step to step and from round to round."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from mtpipe.learn.distributed.ranks import ALONE, Ranks
from mtpipe.learn.losses.entropy_bonus import UNUSED, Coefficient, read_coefficient
from mtpipe.learn.scoring.scorer import Scorer
from mtpipe.learn.state.optimizer import Optimizer
from mtpipe.model.adapter import adapter_off
from mtpipe.model.policy import Policy, load_policy
from mtpipe.settings.update import Update


@dataclass(frozen=True)
class Learner:
    """What an update trains and by which settings.

    Attributes:
        scorer: scores tokens under the policy's present weights; with several processes each holds a part of them.
        reference: the policy that `kl_coefficient` pulls towards; None if that is 0, and where it is the base of the
            policy's adapter.
        coefficient: of the entropy bonus, as the round before left it.
    """

    policy: Policy
    settings: Update
    optimizer: Optimizer
    scorer: Scorer
    ranks: Ranks = ALONE
    reference: Policy | None = None
    coefficient: Coefficient = UNUSED

    @classmethod
    def of(cls, policy: Policy, settings: Update, ranks: Ranks = ALONE, reference: Policy | None = None) -> "Learner":
        """A policy with a new optimizer."""
        scorer = ranks.divide(policy.model)
        optimizer = Optimizer(
            policy.model,
            settings.learning_rate,
            settings.warmup_steps,
            settings.betas,
            settings.weight_decay,
            settings.max_grad_norm,
            settings.optimizer,
        )
        return cls(policy, settings, optimizer, scorer, ranks, reference)

    @classmethod
    def load(
        cls,
        folder: Path,
        settings: Update,
        device: torch.device,
        reference_folder: Path,
        ranks: Ranks = ALONE,
        state: Path | None = None,
    ) -> "Learner":
        """A policy with the entropy coefficient that lies in its folder.

        Args:
            state: the file with the optimizer's state; None starts anew.

        Raises MtpipeError if a folder is not a complete policy, or if the state does not fit.
        """
        policy = load_policy(folder, device if ranks.count == 1 else "cpu")
        own_base = policy.adapter is not None and policy.adapter.base.folder == reference_folder
        reference = load_policy(reference_folder, device) if settings.kl_coefficient and not own_base else None
        learner = cls.of(policy, settings, ranks, reference)
        if state is not None:
            learner.optimizer.load(state)
        return replace(learner, coefficient=read_coefficient(folder))

    @contextmanager
    def reference_scorer(self) -> Iterator[Scorer]:
        """What scores tokens under the reference: without a model of its own, the policy with its adapter off."""
        if self.reference is not None:
            yield Scorer(self.reference.model)
        else:
            with adapter_off(self.policy.model):
                yield self.scorer
