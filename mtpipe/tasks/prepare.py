"""Prepares the problems of whichever task params.yaml names."""

from mtpipe.errors import MtpipeError
from mtpipe.settings.task import MathTask, Task
from mtpipe.tasks.prepared import Prepared
from mtpipe.tasks.synthetic import TASKS


def prepare(task: Task, checkpoint: str | None) -> Prepared:
    """Generates or loads the task's problems; a checkpoint's tokenizer measures prompts.

    Raises MtpipeError if the settings do not allow for them.
    """
    if isinstance(task, MathTask):
        from mtpipe.tasks.math import prepare_math  # imports the verifier

        return prepare_math(task, checkpoint)
    module = TASKS[task.name]
    try:
        splits = module.generate_problems(task)
        examples = module.demonstrations(splits["warm_start"], task)
    except ValueError as error:
        raise MtpipeError(f"params.yaml: task: {error}") from None
    return Prepared(splits["train"], {name: splits[name] for name in task.benchmark_names}, examples)
