"""Stage prepare: generates the task's problems, its held-out benchmarks and the warm start's worked answers."""

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.params import load_params
from mtpipe.records import EXAMPLES, PROBLEMS, write_rows
from mtpipe.stage import run_stage
from mtpipe.tasks import arithmetic


def main() -> None:
    """Generates the problems of every split."""
    task = load_params().task
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
    for benchmark in arithmetic.BENCHMARKS:
        write_rows(paths.benchmark(benchmark), splits[benchmark], PROBLEMS)
    write_rows(paths.TRAIN, splits["train"], PROBLEMS)
    examples = arithmetic.demonstrations(splits["warm_start"], task.right_order, task.seed)
    write_rows(paths.WARM_START_EXAMPLES, examples, EXAMPLES)


if __name__ == "__main__":
    run_stage(main)
