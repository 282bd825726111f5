"""The policy, where torch computes, and the supervised warm start."""

from typing import Literal

from pydantic import Field, model_validator

from mtpipe.settings.base import Settings


class Model(Settings):
    """The policy: a new small Qwen2 by its sizes, or an existing checkpoint by its folder."""

    checkpoint: str | None = Field(
        default=None, description="a folder with a transformers checkpoint; null makes a new model"
    )
    hidden_size: int = Field(default=64, ge=8)
    layers: int = Field(default=3, ge=1)
    heads: int = Field(default=2, ge=1)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _heads_divide(self) -> "Model":
        if self.hidden_size % self.heads:
            raise ValueError(f"heads ({self.heads}) has to divide hidden_size ({self.hidden_size})")
        return self


class Compute(Settings):
    """Where torch computes."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = Field(
        default=2, ge=1, description="CPU threads; another number may change the last digits of a result"
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
