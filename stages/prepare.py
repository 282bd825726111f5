"""Stage prepare: the task's problems, its held-out benchmarks, and worked answers where it has them."""

import json
from typing import Annotated

from mtpipe import paths
from mtpipe.files import atomic, write_json, write_text
from mtpipe.records import EXAMPLES, PROBLEMS, write_rows
from mtpipe.run.stage import run_stage
from mtpipe.tasks.prepare import prepare
from mtpipe.tasks.task import AnyTask


def main(*, task: AnyTask, checkpoint: Annotated[str | None, "model.checkpoint"]) -> None:
    """Generates or loads the problems of every split."""
    prepared = prepare(task, checkpoint)
    with atomic(paths.BENCHMARKS) as folder:
        for name, problems in prepared.benchmarks.items():
            write_rows(folder / paths.benchmark(name).name, problems, PROBLEMS)
    write_rows(paths.TRAIN, prepared.train, PROBLEMS)
    write_rows(paths.WARM_START_EXAMPLES, prepared.examples, EXAMPLES)
    write_json(paths.SOURCES, prepared.sources)
    print(f"the first training problem, as the model reads it:\n{prepared.train[0]['prompt']}")
    write_text(paths.DROPPED, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in prepared.dropped))


if __name__ == "__main__":
    run_stage(main)
