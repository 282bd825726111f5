"""What a verdict is worth."""

from typing import Literal

from pydantic import Field, model_validator

from mtpipe.settings.base import Settings


class Judging(Settings):
    """What counts as equal where users of benchmarks differ; the defaults follow the benchmarks' own checkers."""

    percent: Literal["value", "either"] = Field(
        default="either", description=r"whether 45\% answers 0.45 alone (value), or 45 too (either)"
    )
    brackets: Literal["strict", "optional"] = Field(
        default="strict", description="whether 2,9 and (2,9) answer each other (optional) or not (strict)"
    )
    order: Literal["any", "as_written"] = Field(
        default="any", description="whether lists and sets may come in any order, or only as the gold has them"
    )


class Reward(Settings):
    """What a verdict is worth."""

    correct: float = 1.0
    wrong: float = 0.0
    format: float = Field(
        default=0.0, ge=0, description="added where the answer stands in the form asked for, right or wrong"
    )
    overlong_buffer: int = Field(
        default=0, ge=0, description="last tokens before the limit that are penalised; 0 turns it off"
    )
    overlong_penalty: float = Field(
        default=1.0, ge=0, description="taken off at the limit, less before it, in a straight line"
    )
    overlong: float | None = Field(
        default=None, description="reward of a response cut off at the limit; null: judged like the others"
    )

    judging: Judging = Field(default=Judging(), description="what counts as equal, in training and evaluation")

    @model_validator(mode="after")
    def _correct_is_better(self) -> "Reward":
        if self.correct <= self.wrong:
            raise ValueError(f"correct ({self.correct}) has to be above wrong ({self.wrong})")
        return self
