"""What an update does where the engine's log-probs are not its own: settings of `update.mismatch`.

Sources and formulas: `mtpipe.learn.losses.mismatch`. The defaults are those in use elsewhere.
"""

from typing import Annotated, Literal

from pydantic import Field

from mtpipe.settings.base import Settings

Veto = Annotated[
    float | None,
    Field(
        gt=0,
        lt=1,
        description="a response with a token whose weight is below this teaches nothing (1e-4 elsewhere); null: none",
    ),
]


class Uncorrected(Settings):
    """No weight. `ratio_to` says where the mismatch then is: in the ratio and its clip, or in nothing at all."""

    kind: Literal["none"] = "none"
    ratio_to: Literal["behaviour", "round_start"] = Field(
        default="behaviour",
        description="tempered target: the ratio divides by the engine's recorded log-probs, or by the update's own",
    )
    veto: Veto = None


class TokenTruncate(Settings):
    """Each token's weight, cut to `cap` (truncated importance sampling)."""

    kind: Literal["token_truncate"]
    cap: float = Field(default=2.0, gt=0)
    veto: Veto = None


class TokenMask(Settings):
    """Each token's weight; tokens outside [low, high] teach nothing (IcePop)."""

    kind: Literal["token_mask"]
    low: float = Field(default=0.5, ge=0, lt=1)
    high: float = Field(default=5.0, gt=1)
    veto: Veto = None


class SequenceTruncate(Settings):
    """The product over a response's tokens, cut to `cap`."""

    kind: Literal["sequence_truncate"]
    cap: float = Field(default=3.0, gt=0)
    veto: Veto = None


class SequenceMask(Settings):
    """The product over a response's tokens; responses above `cap` teach nothing."""

    kind: Literal["sequence_mask"]
    cap: float = Field(default=3.0, gt=0)
    veto: Veto = None


class GeometricMask(Settings):
    """Responses whose geometric mean of weights is outside [low, high] teach nothing; the others count in full."""

    kind: Literal["geometric_mask"]
    low: float = Field(default=0.99, ge=0, lt=1)
    high: float = Field(default=1.01, gt=1)
    veto: Veto = None


Mismatch = Annotated[
    Uncorrected | TokenTruncate | TokenMask | SequenceTruncate | SequenceMask | GeometricMask,
    Field(discriminator="kind"),
]


def corrects(mismatch: Mismatch) -> bool:
    """Whether it weighs or cuts anything, and so needs the log-probs that the update itself gives the rollouts."""
    return mismatch.kind != "none" or mismatch.veto is not None
