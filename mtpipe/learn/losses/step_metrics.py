"""Sums over the tokens of a step, gathered micro-batch by micro-batch."""

import torch
from torch import Tensor

from mtpipe.learn.losses.importance import effective_share


class StepMetrics:
    """Adds up what `policy_loss` logs; nothing is moved off the device before the end.

    What several processes hold is joined by adding `sums` and taking the larger of `ratio_max`.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.ratio_max: Tensor | None = None

    def add(self, loss: Tensor, logged: dict[str, Tensor]) -> None:
        """Takes a micro-batch's share of the loss, a scalar, and values [tokens]."""
        values = {key: value.double().sum() for key, value in logged.items()}
        values["importance_square"] = logged["importance_used"].double().square().sum()
        values["tokens"] = torch.tensor(float(len(logged["ratio"])), dtype=torch.float64, device=loss.device)
        values["loss"] = loss.detach().double()
        for key, value in values.items():
            self.sums[key] = self.sums[key] + value if key in self.sums else value
        largest = logged["ratio"].max()
        self.ratio_max = largest if self.ratio_max is None else torch.maximum(self.ratio_max, largest)

    def described(self) -> dict[str, float]:
        """Means over tokens; the loss; the largest ratio; the effective share of the tokens."""
        assert self.ratio_max is not None
        keys = list(self.sums)
        totals = dict(zip(keys, torch.stack([self.sums[key] for key in keys]).tolist(), strict=True))
        tokens = int(totals.pop("tokens"))
        square, weight, loss = totals.pop("importance_square"), totals.pop("importance_used"), totals.pop("loss")
        return {
            "loss": loss,
            **{key: value / tokens for key, value in totals.items()},
            "ratio_max": float(self.ratio_max),
            "effective_share": effective_share(weight, square, tokens),
            "trained_tokens": tokens,
        }
