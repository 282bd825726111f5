"""The data sets of the task `math`, and what a chat model's own template is filled with."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from mtpipe.settings.base import Settings
from mtpipe.settings.templates import CHAT, PLACE


class Columns(Settings):
    """Where a data set keeps its problems and answers; a dot leads into a structure: reward_model.ground_truth."""

    problem: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    answer_is: Literal["plain", "boxed"] = Field(
        default="plain",
        description="the answer itself (or a text that ends in `#### N`), or a solution with a \\boxed{}",
    )
    several: Literal["any", "all"] = Field(
        default="any", description="of a list of answers: one of them is enough, or all are asked for"
    )


class Difficulty(Settings):
    """Problems whose column lies within bounds: a level (`Level 3` counts as 3), or a pass rate."""

    column: str = Field(min_length=1)
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "Difficulty":
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min ({self.min:g}) is above max ({self.max:g})")
        return self


class Source(Settings):
    """A data set of mathematics problems: from the hub by its id, or from local files; docs/data.md shows both."""

    hub: str | None = Field(default=None, pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name on the hub")
    config: str | list[str] | None = Field(default=None, description="the data set's configurations; null: as known")
    split: str | None = Field(default=None, description="null: as known, else `train`")
    revision: str | None = Field(default=None, description="a commit or tag of the hub; null: the newest")
    file: str | list[str] | None = Field(default=None, description="jsonl, parquet or arrow files")
    like: str | None = Field(default=None, description="the known hub id whose columns a file has; null: recognised")
    columns: Columns | None = Field(default=None, description="for data sets that are not known")
    digest: str | None = Field(default=None, description="what data/problems/sources.json has to record, else an error")
    difficulty: Difficulty | None = None
    count: int | None = Field(default=None, ge=1, description="this many of the problems, chosen by task.seed")

    @model_validator(mode="after")
    def _one_place(self) -> "Source":
        if (self.hub is None) == (self.file is None):
            raise ValueError("give either hub: owner/name or file: path")
        for key in ("config", "split", "revision"):
            if self.file is not None and getattr(self, key) is not None:
                raise ValueError(f"{key} belongs to a hub data set, and this is a file")
        if self.columns and self.like:
            raise ValueError("give either like or columns")
        return self

    @property
    def files(self) -> list[str]:
        return [self.file] if isinstance(self.file, str) else self.file or []

    @property
    def configs(self) -> list[str]:
        return [self.config] if isinstance(self.config, str) else self.config or []


NO_CHECKPOINT = (
    f"task asks for the {CHAT} template, and model.checkpoint is null: a new model has none; give a checkpoint"
)
SourceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class Chat(Settings):
    """What a chat model's own template is filled with, for `template: chat`."""

    system: str | None = Field(default=None, description="the system message; null: none, or the template's own")
    user: str = Field(
        default=f"{PLACE}\nPlease reason step by step, and put your final answer within \\boxed{{}}.",
        description="the user's message, with {problem} in it",
    )
    thinking: bool | None = Field(
        default=None, description="the template's switch enable_thinking; null: as the template has it"
    )

    def check_used(self, template: str) -> None:
        """Raises ValueError if something is set here that the template does not ask for."""
        if template != CHAT and self != type(self)():
            raise ValueError(f"chat is for template: {CHAT}, and template is {template!r}")

    @staticmethod
    def check_had(template: str, checkpoint: str | None) -> None:
        """Raises ValueError if the template is the checkpoint's own, and there is no checkpoint."""
        if template == CHAT and checkpoint is None:
            raise ValueError(NO_CHECKPOINT)

    @field_validator("user")
    @classmethod
    def _one_place(cls, user: str) -> str:
        if user.count(PLACE) != 1:
            raise ValueError(f"{user!r} has {PLACE} {user.count(PLACE)} times; expected once")
        return user
