"""Prepares the problems of whichever task params.yaml names."""

from mtpipe.errors import MtpipeError
from mtpipe.settings.task import ArithmeticTask, CountdownTask, Task
from mtpipe.tasks.prepared import Prepared
from mtpipe.tasks.synthetic import arithmetic, countdown


def prepare(task: Task, checkpoint: str | None) -> Prepared:
    """Generates or loads the task's problems; a checkpoint's tokenizer measures prompts.

    Raises MtpipeError if the settings do not allow for them.
    """
    try:
        if isinstance(task, ArithmeticTask):
            return _arithmetic(task)
        if isinstance(task, CountdownTask):
            return _countdown(task)
    except ValueError as error:
        raise MtpipeError(f"params.yaml: task: {error}") from None
    from mtpipe.tasks.math import prepare_math  # imports the verifier

    return prepare_math(task, checkpoint)


def _arithmetic(task: ArithmeticTask) -> Prepared:
    splits = arithmetic.generate_problems(
        task.seed,
        task.operands,
        task.largest,
        task.bound,
        task.warm_start_problems,
        task.warm_start_harder_share,
        task.train_problems,
        task.benchmark_problems,
    )
    return Prepared(
        splits["train"],
        {name: splits[name] for name in task.benchmark_names},
        arithmetic.demonstrations(splits["warm_start"], task.right_order, task.seed),
    )


def _countdown(task: CountdownTask) -> Prepared:
    splits = countdown.generate_problems(
        task.seed,
        task.numbers,
        task.largest,
        task.bound,
        task.warm_start_problems,
        task.warm_start_harder_share,
        task.train_problems,
        task.benchmark_problems,
    )
    return Prepared(
        splits["train"],
        {name: splits[name] for name in task.benchmark_names},
        countdown.demonstrations(splits["warm_start"], task.worked_answers, task.on_target, task.seed),
    )
