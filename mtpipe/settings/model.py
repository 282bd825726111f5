"""The policy, where torch computes, and the supervised warm start."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from mtpipe.settings.base import Settings

ALL_LINEAR: Literal["all-linear"] = "all-linear"
"""The targets of an adapter that is put on every linear layer but the output head."""
NF4: Literal["nf4"] = "nf4"
"""A base in 4 bits, for the update (model.lora.base) and for vLLM (sampling.vllm.quantization)."""


class Lora(Settings):
    """Low-rank adapters: the rounds train W + (alpha / rank) B A, where W is the warm start's and stays as it is."""

    rank: int = Field(default=32, ge=1, strict=True, description="columns of B and rows of A")
    alpha: float = Field(default=32.0, gt=0, description="over rank, what B A is multiplied by")
    targets: Literal["all-linear"] | list[str] = Field(
        default=ALL_LINEAR, description="layers by how their names end; all-linear: all but head and embedding"
    )
    base: Literal["nf4"] | None = Field(
        default=None, description="nf4: the base's linear layers in 4 bits (QLoRA); null: as the warm start has them"
    )

    @field_validator("targets", mode="before")
    @classmethod
    def _all_or_names(cls, targets: Any) -> Any:
        """In one sentence: pydantic has one for each kind that a union might have been."""
        names = isinstance(targets, list) and targets and all(isinstance(name, str) for name in targets)
        if targets != ALL_LINEAR and (not names or ALL_LINEAR in targets):
            raise ValueError(
                f"expected {ALL_LINEAR} by itself, or a list of layers by how their names end, such as "
                f"[q_proj, v_proj]; found {targets!r}"
            )
        return targets


class StartingModel(Settings):
    """What the warm start begins with: a new small Qwen2 by its sizes, or a checkpoint by its folder or id."""

    checkpoint: str | None = Field(
        default=None, description="a folder with a transformers checkpoint, or its id on the hub; null: a new model"
    )
    hidden_size: int = Field(default=64, ge=8)
    layers: int = Field(default=3, ge=1)
    heads: int = Field(default=2, ge=1)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _heads_divide(self) -> "StartingModel":
        if self.hidden_size % self.heads:
            raise ValueError(f"heads ({self.heads}) has to divide hidden_size ({self.hidden_size})")
        return self


class Model(StartingModel):
    """The policy: what it starts from, and what of it the rounds train."""

    lora: Lora | None = Field(default=None, description="train an adapter; null trains all weights")


class Compute(Settings):
    """Where torch computes."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = Field(
        default=1, ge=1, description="CPU threads; another number may change the last digits of a result"
    )


class WarmStart(Settings):
    """Supervised training before the first round."""

    steps: int = Field(default=1100, ge=0)
    batch_size: int = Field(default=128, ge=1, description="worked answers a step")
    learning_rate: float = Field(default=0.003, gt=0)
    warmup_steps: int = Field(default=50, ge=0)
    calibration_responses: int = Field(
        default=512, ge=1, description="responses sampled at T=1 for round 0's entropy quantiles"
    )
