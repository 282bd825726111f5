"""What a task is, the table of those there are, and the one way in for all of them, one's own included."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, SerializeAsAny

from mtpipe.errors import MtpipeError
from mtpipe.settings.base import Settings
from mtpipe.settings.plugins import own_code, pick_class
from mtpipe.settings.reward import Judging
from mtpipe.tasks.prepared import Prepared
from mtpipe.tasks.vocabulary import BYTES, NewModelVocabulary
from mtpipe.verify.judgement import Judgement


class Task(Settings):
    """A task as params.yaml has it: its fields are its settings.

    Attributes:
        has_worked_answers: whether `prepare` gives examples, without which no warm start is trained.
        vocabulary: what a new model reads and writes; a checkpoint brings its own.
    """

    has_worked_answers: ClassVar[bool] = False
    vocabulary: ClassVar[NewModelVocabulary] = BYTES

    name: str

    @property
    @abstractmethod
    def benchmark_names(self) -> list[str]:
        """The held-out sets of problems that `prepare` gives, in the order of the report."""

    def benchmark_size(self, name: str) -> int | None:
        """A benchmark's number of problems, for estimates; None if the settings do not tell."""
        return None

    def check(self, checkpoint: str | None) -> None:
        """Raises ValueError if the task cannot be had with this `model.checkpoint` (None: a new model)."""

    @abstractmethod
    def prepare(self, checkpoint: str | None) -> Prepared:
        """The problems of every split.

        Args:
            checkpoint: the policy's folder, for its tokenizer and its chat template; None for a new model.

        Raises ValueError if the settings do not allow for them.
        """

    @staticmethod
    @abstractmethod
    def judge(problem: dict[str, Any], text: str, finish_reason: str) -> Judgement:
        """Judges one response.

        Args:
            problem: a row of records.PROBLEMS, as `prepare` gave it. All that judging needs stands in it, so that an
                edit of a setting judges again only what it changed.
            text: a model's: match it, and never run it.
            finish_reason: "stop", or "length" if the response was cut off.
        """

    @classmethod
    def judge_all(
        cls,
        problems: list[dict[str, Any]],
        responses: list[dict[str, Any]],
        judging: Judging,
        advance: Callable[[], object],
    ) -> list[Judgement]:
        """One judgement for each response, in order; problem i is the one that response i answers.

        One by one, unless a task has a better way.

        Args:
            responses: rows with `text` and `finish_reason`.
            judging: what counts as equal, for tasks to which that is a question.
            advance: to be called as each response is judged.
        """
        judgements = []
        for problem, response in zip(problems, responses, strict=True):
            try:
                with own_code(problem["task"]):
                    judgements.append(cls.judge(problem, response["text"], response["finish_reason"]))
            except ValueError as error:
                raise MtpipeError(f"problem {problem['problem_id']}: {error}") from error
            advance()
        return judgements


TASKS: dict[str, type[Task] | str] = {
    "arithmetic": "mtpipe.tasks.synthetic.arithmetic.ArithmeticTask",
    "countdown": "mtpipe.tasks.synthetic.countdown.CountdownTask",
    "math": "mtpipe.tasks.math.MathTask",
    "reasoning_gym": "mtpipe.tasks.gym.task.GymTask",
}
"""By name the dotted path of the class, which is imported if it is asked for. Any other path is a name as well."""


def task_class(name: str) -> type[Task]:
    """The class of a task by its name. Raises ValueError if there is none."""
    return pick_class({"name": name}, TASKS, Task, "task", key="name")


def _task(found: Any) -> Task:
    if isinstance(found, Task):
        return found
    task = pick_class(found, TASKS, Task, "task", key="name").model_validate(found)
    with own_code(task.name):
        task.benchmark_names  # noqa: B018 - a fault in it is told here, with its file and line
    return task


AnyTask = Annotated[SerializeAsAny[Task], BeforeValidator(_task)]
"""The settings of any task, as a field of other settings."""
