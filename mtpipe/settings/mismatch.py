"""What an update does where the engine's log-probs are not its own: settings of `update.mismatch`.

Sources and formulas: `mtpipe.learn.losses.mismatch`. The defaults are those in use elsewhere.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mtpipe.settings.base import Settings


class _Correction(Settings):
    veto: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="a response with a token whose weight is below this teaches nothing (1e-4 elsewhere); null: none",
    )

    @model_validator(mode="after")
    def _band(self) -> "_Correction":
        low, high = getattr(self, "low", 0.0), getattr(self, "high", 1.0)
        if low >= high:
            raise ValueError(f"low ({low}) has to be below high ({high})")
        return self


class Uncorrected(_Correction):
    """No weight. `ratio_to` says where the mismatch then is: in the ratio and its clip, or in nothing at all."""

    kind: Literal["none"] = "none"
    ratio_to: Literal["behaviour", "round_start"] = Field(
        default="behaviour",
        description="tempered target: the ratio divides by the engine's recorded log-probs, or by the update's own",
    )


class TokenTruncate(_Correction):
    """Each token's weight, cut to `cap` (truncated importance sampling)."""

    kind: Literal["token_truncate"]
    cap: float = Field(default=2.0, gt=0)


class TokenMask(_Correction):
    """Each token's weight; tokens outside [low, high] teach nothing (IcePop)."""

    kind: Literal["token_mask"]
    low: float = Field(default=0.5, ge=0, lt=1)
    high: float = Field(default=5.0, gt=1)


class SequenceTruncate(_Correction):
    """The product over a response's tokens, cut to `cap`."""

    kind: Literal["sequence_truncate"]
    cap: float = Field(default=3.0, gt=0)


class SequenceMask(_Correction):
    """The product over a response's tokens; responses above `cap` teach nothing."""

    kind: Literal["sequence_mask"]
    cap: float = Field(default=3.0, gt=0)


class GeometricMask(_Correction):
    """Responses whose geometric mean of weights is outside [low, high] teach nothing; the others count in full."""

    kind: Literal["geometric_mask"]
    low: float = Field(default=0.99, ge=0, lt=1)
    high: float = Field(default=1.01, gt=1)


Mismatch = Annotated[
    Uncorrected | TokenTruncate | TokenMask | SequenceTruncate | SequenceMask | GeometricMask,
    Field(discriminator="kind"),
]


def corrects(mismatch: Mismatch) -> bool:
    """Whether it weighs or cuts anything, and so needs the log-probs that the update itself gives the rollouts."""
    return mismatch.kind != "none" or mismatch.veto is not None
