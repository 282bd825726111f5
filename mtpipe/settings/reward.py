"""What a response is worth: a sum of weighted parts."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from mtpipe.settings.base import Settings
from mtpipe.settings.plugins import load_function

DROP = "drop"


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
    """The weights of a reward's parts, and what becomes of a response that was cut off."""

    correct: float = Field(
        default=1.0, description="times the score: 1 for a correct response, else what the task gives"
    )
    wrong: float = Field(default=0.0, description="times 1 less the score")
    format: float = Field(
        default=0.0, ge=0, description="added where the answer stands in the form asked for, right or wrong"
    )
    overlong_buffer: int = Field(
        default=0, ge=0, description="last tokens before the limit that are penalised; 0 turns it off"
    )
    overlong_penalty: float = Field(
        default=1.0, ge=0, description="taken off at the limit, less before it, in a straight line"
    )
    overlong: float | Literal["drop"] | None = Field(
        default=None,
        description="reward of a response cut off at the limit; drop: it teaches nothing; null: judged like the others",
    )
    parts: dict[str, float] = Field(default={}, description="functions of your own, by dotted path, with their weights")
    judging: Judging = Field(default=Judging(), description="what counts as equal, in training and evaluation")

    @model_validator(mode="before")
    @classmethod
    def _parts_among_the_others(cls, found: Any) -> Any:
        """A key with a dot is one of the parts, wherever it stands."""
        if not isinstance(found, dict) or not isinstance(found.get("parts", {}), dict):
            return found
        own = {key: weight for key, weight in found.items() if isinstance(key, str) and "." in key}
        rest = {key: value for key, value in found.items() if key not in own}
        return rest | {"parts": {**found.get("parts", {}), **own}} if own else found

    @model_validator(mode="after")
    def _correct_is_better(self) -> "Reward":
        if self.correct <= self.wrong:
            raise ValueError(f"correct ({self.correct}) has to be above wrong ({self.wrong})")
        for path in self.parts:
            load_function(path, ("problem", "responses"), "part of the reward")
        return self

    @property
    def weights(self) -> dict[str, float]:
        """Every part's weight, in the order in which they are added; parts of the package only if they count."""
        shaping = {
            "correct": self.correct,
            "wrong": self.wrong,
            "format": self.format,
            "overlong_penalty": -self.overlong_penalty if self.overlong_buffer else 0.0,
        }
        cut = {"overlong": self.overlong} if isinstance(self.overlong, float) else {}
        return {name: weight for name, weight in shaping.items() if weight} | self.parts | cut


class RefillJudge(Settings):
    """How the rollout stage of a refilled round tells which groups have differing rewards: as the verify stage does.

    The function is named and not imported, so that the judge's code belongs to the stage only where refill is on.
    """

    function: str = Field(description="its dotted path")
    task: str = Field(description="the task's name, so that the code of a class of one's own belongs to the stage too")
    reward: Reward

    @field_validator("function")
    @classmethod
    def _known(cls, path: str) -> str:
        load_function(path, ("problems", "responses", "reward", "max_new_tokens"), "judge of a refill")
        return path
