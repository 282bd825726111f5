"""Benchmarks by names that read in a sentence; params.yaml, files and MLflow keep the short ones."""

from mtpipe.report.collect import Study
from mtpipe.tasks.synthetic.drawing import SyntheticTask

_SYNTHETIC = {
    "same": "problems as in training",
    "longer": "longer problems",
    "fewer": "problems of fewer numbers",
    "larger": "problems with larger numbers",
}


def spoken(study: Study, benchmark: str) -> str:
    """A benchmark of a generated task by what its problems are; a data set of one's own by the name it was given."""
    return _SYNTHETIC.get(benchmark, benchmark) if isinstance(study.params.task, SyntheticTask) else benchmark
