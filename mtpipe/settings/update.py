"""The settings of a policy update: those of its loss, which an arm may override, and those around it."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from mtpipe.settings.base import Settings, faults
from mtpipe.settings.losses import LOSSES, loss_kind
from mtpipe.settings.mismatch import Mismatch, SequenceTruncate, TokenTruncate, Uncorrected, corrects


def tolerance_of(*precisions: str) -> float:
    """The mean |log-prob - rollout's| (nats) that engine and update may differ by in these precisions.

    float32 rounds log-probs in the seventh digit, and engines agree to 1e-6 in the mean. bfloat16 rounds hidden states
    and logits in the third digit, which moves log-probs by some thousandths in the mean; temperatures that are a tenth
    off move them by some hundredths.
    """
    return 1e-5 if set(precisions) == {"float32"} else 0.02


class EntropyClip(Settings):
    """A clip range split by entropy within each response (Archer): the ratio stays within 1 - range and 1 + range."""

    quantile: float = Field(default=0.8, ge=0, le=1, description="of the response's recorded entropies")
    low: float = Field(default=0.2, gt=0, lt=1, description="range of the tokens below it")
    high: float = Field(default=0.5, gt=0, lt=1, description="range of the tokens that reach it")


class EntropyBonus(Settings):
    """An entropy bonus whose coefficient rises while the entropy is below `target` and else falls (Skywork-OR1)."""

    target: float = Field(default=0.2, ge=0, description="nats a token, of the distribution that the target scores")
    change: float = Field(default=1e-4, gt=0, description="of the coefficient, a step")
    largest: float = Field(default=5e-3, gt=0, description="the coefficient stays between 0 and this")


class ClipCov(Settings):
    """Tokens drawn from those with a covariance in a band lose their gradient (Clip-Cov)."""

    kind: Literal["clip_cov"]
    share: float = Field(default=2e-3, gt=0, le=1, description="of the step's tokens")
    low: float = Field(default=1.0, description="where the band of covariances starts")
    high: float = Field(default=5.0, description="where it ends")

    @model_validator(mode="after")
    def _band(self) -> "ClipCov":
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) has to be below high ({self.high})")
        return self


class KlCov(Settings):
    """The tokens of the highest covariance are held near the behaviour policy, and no token is clipped (KL-Cov)."""

    kind: Literal["kl_cov"]
    share: float = Field(default=2e-3, gt=0, le=1, description="of the step's tokens")
    coefficient: float = Field(default=1.0, gt=0, description="weight of their KL")


class Loss(Settings):
    """What is minimised; an arm may override any of these (`temperature.ARM.update`)."""

    loss: str = Field(
        default="dapo", description=f"{', '.join(LOSSES)} (docs/update.md has each), or a function's dotted path"
    )
    target: Literal["tempered", "untempered"] = Field(
        default="tempered", description="score tokens at the T they were sampled at, or at 1"
    )
    importance: Literal["token_truncate", "sequence_mask", "none"] = Field(
        default="token_truncate", description="weights for the untempered target; none: 1"
    )
    importance_cap: float = Field(
        default=2.0, gt=0, description="weights above are cut to it, or their responses left out"
    )
    mismatch: Mismatch = Field(
        default=Uncorrected(), description="what is done where the engine's log-probs are not the update's own"
    )
    advantage: Literal["std", "mean", "leave_one_out", "batch_std"] = "std"
    baseline: Literal["group", "temperature"] = Field(
        default="group",
        description="compare a response with its whole group, or with those at its own base temperature",
    )
    keep_zero_advantage_groups: bool = Field(
        default=False, description="let groups without advantages count in the loss's denominator"
    )
    kl_coefficient: float = Field(
        default=0.0, ge=0, description="weight of the KL (k3) to the warm start; 0 turns it off"
    )
    clip_low: float = Field(
        default=0.2, gt=0, lt=1, description="the ratio is clipped at 1 - clip_low; cispo has no such bound"
    )
    clip_high: float = Field(default=0.28, gt=0, description="the ratio is clipped at 1 + clip_high")
    dual_clip: float | None = Field(
        default=10.0, gt=1, description="bounds the loss of negative advantages; null turns it off"
    )
    top_entropy: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="share of a step's tokens, of highest entropy, that the surrogate acts on; null: all",
    )
    entropy_clip: EntropyClip | None = Field(
        default=None, description="clip range by entropy; null: clip_low and clip_high"
    )
    entropy_bonus: EntropyBonus | None = Field(default=None, description="null: none")
    covariance: Annotated[ClipCov | KlCov, Field(discriminator="kind")] | None = Field(
        default=None, description="null: neither"
    )

    @field_validator("loss")
    @classmethod
    def _loss_is_there(cls, name: str) -> str:
        loss_kind(name)
        return name

    @model_validator(mode="after")
    def _controls_fit_the_loss(self) -> "Loss":
        kind = loss_kind(self.loss)
        if not kind.token_ratio and self.top_entropy is not None:
            raise ValueError(
                f"top_entropy needs a ratio of each token's own, and {self.loss} has one for the whole response: "
                f"leaving out tokens would only scale it; set top_entropy to null or take another loss"
            )
        for name in ("entropy_clip", "covariance"):
            if getattr(self, name) is not None and not kind.clipped:
                raise ValueError(
                    f"{name} acts on the clip and the gradient of each token's own ratio, which {self.loss} does not "
                    f"have; set it to null or take another loss"
                )
        if self.entropy_clip is not None and isinstance(self.covariance, KlCov):
            raise ValueError(
                "kl_cov does without a clip, so entropy_clip would have no effect; set one of them to null"
            )
        if self.target == "untempered" and isinstance(self.mismatch, TokenTruncate | SequenceTruncate):
            raise ValueError(
                f"mismatch {self.mismatch.kind} only weighs, and the untempered target's importance weight contains "
                f"the mismatch already; set mismatch to {{kind: none}} or to a mask, or target to tempered"
            )
        return self

    @property
    def ratio_to_round_start(self) -> bool:
        """Whether ratios divide by the policy that the round starts with, as the update computes it."""
        to_behaviour = isinstance(self.mismatch, Uncorrected) and self.mismatch.ratio_to == "behaviour"
        return self.target == "untempered" or not to_behaviour

    @property
    def needs_round_start(self) -> bool:
        """Whether a forward pass over the round is made before its first step."""
        return self.ratio_to_round_start or corrects(self.mismatch)


class Update(Loss):
    """The policy update of one round."""

    processes: int = Field(default=1, ge=1, description="that share the model by FSDP2, one a GPU; 1 does without")
    optimizer: Literal["adamw", "adamw_8bit"] = Field(
        default="adamw", description="adamw_8bit: state in a quarter of the bytes"
    )
    prompts_per_step: int = Field(default=64, ge=1, description="groups in one optimizer step")
    learning_rate: float = Field(default=3e-4, gt=0)
    warmup_steps: int = Field(default=8, ge=0, description="optimizer steps, counted over all rounds")
    weight_decay: float = Field(default=0.1, ge=0)
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.95)
    max_grad_norm: float = Field(default=1.0, gt=0)
    tokens_per_micro_batch: int = Field(default=16384, ge=1, description="bounds memory; padding counts")
    share_prompts: Literal["auto"] | bool = Field(
        default="auto",
        description="read a prompt once for all its responses; auto: where repeated ones are 30 % of the tokens",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="of the products; weights and sums stay in float32"
    )
    gradient_checkpointing: bool = Field(
        default=False, description="layers computed again in the backward pass: less memory, more time"
    )
    logprob_tolerance: float | None = Field(
        default=None,
        gt=0,
        description="mean |log-prob - rollout's| allowed before step 1, nats; null: by the precisions",
    )

    @model_validator(mode="after")
    def _layers_kept_for_responses(self) -> "Update":
        if self.share_prompts is True and self.gradient_checkpointing:
            raise ValueError(
                "share_prompts is true, which needs what gradient_checkpointing throws away; set one of them to false, "
                "or share_prompts to auto"
            )
        return self

    @property
    def tolerance(self) -> float:
        """`logprob_tolerance`, or what this update's own precision asks for."""
        return self.logprob_tolerance or tolerance_of(self.precision)

    def overridden(self, changes: dict[str, Any]) -> "Update":
        """These settings with an arm's own for the loss.

        Raises ValueError if a key is none of the loss's, or if the settings together make no sense.
        """
        try:
            own = Loss.model_validate(self.model_dump(include=set(Loss.model_fields)) | changes)
        except ValidationError as error:
            raise ValueError("; ".join(faults(error, whole="the loss"))) from None
        return self.model_copy(update=dict(own))
