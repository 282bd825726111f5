"""Prepares the problems of whichever task params.yaml names."""

from mtpipe.errors import MtpipeError
from mtpipe.params import Params
from mtpipe.tasks import arithmetic
from mtpipe.tasks.prepared import Prepared
from mtpipe.tasks.settings import ArithmeticTask


def prepare(params: Params) -> Prepared:
    """Generates or loads the task's problems. Raises MtpipeError where its settings do not allow for them."""
    if isinstance(params.task, ArithmeticTask):
        return _arithmetic(params.task)
    from mtpipe.tasks.math import prepare_math  # imports the verifier

    return prepare_math(params.task, params.model.checkpoint)


def _arithmetic(task: ArithmeticTask) -> Prepared:
    try:
        splits = arithmetic.generate_problems(
            task.seed,
            task.operands,
            task.largest,
            task.bound,
            task.warm_start_problems,
            task.wider,
            task.train_problems,
            task.benchmark_problems,
        )
    except ValueError as error:
        raise MtpipeError(f"params.yaml: task: {error}") from None
    return Prepared(
        splits["train"],
        {name: splits[name] for name in arithmetic.BENCHMARKS},
        arithmetic.demonstrations(splits["warm_start"], task.right_order, task.seed),
    )
