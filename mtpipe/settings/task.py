"""The settings of each task: the section `task` of params.yaml, told apart by its `name`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from mtpipe.settings.base import Settings
from mtpipe.settings.templates import CHAT, PLACE, Extraction, find_template

WarmStartProblems = Annotated[int, Field(ge=1, description="problems with worked answers, for the warm start")]
HarderShare = Annotated[
    float,
    Field(
        ge=0, le=1, description="share of the warm-start problems drawn from the two other benchmarks' distributions"
    ),
]


class SyntheticTask(Settings):
    """What the tasks that are generated from a seed have in common."""

    has_worked_answers: ClassVar[bool] = True
    name: str
    seed: int = Field(default=0, ge=0)
    largest: int = Field(default=9, ge=2, le=99, description="largest number in a training problem")
    bound: int = Field(default=99, ge=10, description="no intermediate value is larger than this, either sign")
    warm_start_problems: WarmStartProblems = 30000
    warm_start_harder_share: HarderShare = 0.3
    train_problems: int = Field(default=8000, ge=1, description="problems for reinforcement learning")
    benchmark_problems: int = Field(default=500, ge=1, description="held-out problems in each benchmark")


class ArithmeticTask(SyntheticTask):
    """The embedded task: order-of-operations arithmetic."""

    name: Literal["arithmetic"]
    operands: int = Field(default=4, ge=3, le=8, description="numbers in a training problem")
    right_order: float = Field(
        default=0.35, ge=0, le=1, description="share of the warm start's answers that obey precedence"
    )

    @property
    def benchmark_names(self) -> list[str]:
        return ["same", "longer", "larger"]


class CountdownTask(SyntheticTask):
    """The harder embedded task: reach a target from a few numbers."""

    name: Literal["countdown"]
    numbers: int = Field(default=4, ge=3, le=5, description="numbers in a training problem, each to be used once")
    warm_start_problems: WarmStartProblems = 12000
    warm_start_harder_share: HarderShare = 0.1
    worked_answers: int = Field(
        default=8, ge=1, description="answers to each problem of the warm start, drawn one by one"
    )
    on_target: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="share of worked answers that reach the target; the rest are correct arithmetic with another end",
    )

    @property
    def benchmark_names(self) -> list[str]:
        return ["same", "fewer", "larger"]


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

    @field_validator("user")
    @classmethod
    def _one_place(cls, user: str) -> str:
        if user.count(PLACE) != 1:
            raise ValueError(f"{user!r} has {PLACE} {user.count(PLACE)} times; expected once")
        return user


class MathTask(Settings):
    """Mathematics problems from data sets, with free-form answers."""

    has_worked_answers: ClassVar[bool] = False
    name: Literal["math"]
    seed: int = Field(default=0, ge=0, description="chooses the problems where a source has a `count`")
    template: str = Field(
        default="qwen_math",
        description="qwen_math, qwen_boxed, r1, dapo, none, chat (the checkpoint's own), or a text with {problem}",
    )
    chat: Chat = Chat()
    extraction: Extraction | None = Field(
        default=None, description="where a response has its answer; null: as the template asks for, else boxed"
    )
    stop: list[Annotated[str, Field(min_length=1)]] | None = Field(
        default=None, description="texts that end a response; null: as the template needs"
    )
    max_prompt_tokens: int = Field(
        default=800, ge=1, description="problems with a longer prompt are dropped, and counted"
    )
    train: dict[SourceName, Source] = Field(min_length=1)
    benchmarks: dict[SourceName, Source] = Field(min_length=1)

    @field_validator("template")
    @classmethod
    def _template_is_known(cls, template: str) -> str:
        if template != CHAT:
            find_template(template)
        return template

    @model_validator(mode="after")
    def _chat_is_used(self) -> "MathTask":
        if self.template != CHAT and self.chat != Chat():
            raise ValueError(f"chat is for template: {CHAT}, and template is {self.template!r}")
        return self

    @property
    def benchmark_names(self) -> list[str]:
        return list(self.benchmarks)


Task = Annotated[ArithmeticTask | CountdownTask | MathTask, Field(discriminator="name")]
