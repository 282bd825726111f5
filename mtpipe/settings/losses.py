"""The table of losses: of each its surrogate, the weights of its tokens, and what it has that other settings act on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from mtpipe.settings.plugins import load_function

Weights = Literal["sequence_mean", "token_mean", "group_token_mean", "constant"]
"""How tokens are weighed against each other: `mtpipe.learn.losses.aggregation` has each."""

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class LossKind:
    """A loss as settings and steps see it.

    Attributes:
        surrogate: the dotted path of the function that gives each token's loss.
        weights: what each token's loss is multiplied by in the step's sum.
        token_ratio: whether a token's loss depends on its own ratio, so that `top_entropy` may leave others out.
        clipped: whether it is PPO's clip of that ratio, whose range `entropy_clip` and `covariance` change.
    """

    surrogate: str
    weights: Weights = "token_mean"
    token_ratio: bool = True
    clipped: bool = False


_NAMED = "mtpipe.learn.losses.named"
LOSSES = {
    "grpo": LossKind(f"{_NAMED}.ppo", "sequence_mean", clipped=True),
    "dapo": LossKind(f"{_NAMED}.ppo", "token_mean", clipped=True),
    "bnpo": LossKind(f"{_NAMED}.ppo", "group_token_mean", clipped=True),
    "dr_grpo": LossKind(f"{_NAMED}.ppo", "constant", clipped=True),
    "gspo": LossKind(f"{_NAMED}.gspo", "sequence_mean", token_ratio=False),
    "cispo": LossKind(f"{_NAMED}.cispo", "token_mean"),
}
"""A loss is a function and a line here, or the dotted path of a function elsewhere."""


def loss(weights: Weights = "token_mean", token_ratio: bool = True) -> Callable[[Function], Function]:
    """Says of a function of one's own what `LossKind` says of those in the table; without it, the defaults hold."""

    def described(function: Function) -> Function:
        function.kind = weights, token_ratio  # type: ignore[attr-defined]
        return function

    return described


def loss_kind(name: str) -> LossKind:
    """What a loss is, by the name that params.yaml has. Raises ValueError if there is none of that name."""
    if name in LOSSES:
        return LOSSES[name]
    if "." not in name:
        raise ValueError(
            f"no loss is called {name!r}; expected one of {', '.join(LOSSES)}, or a function's dotted path"
        )
    function = load_function(name, ("tokens",), "loss")
    return LossKind(name, *getattr(function, "kind", ()))
