"""What a task gives to the pipeline: problems, worked answers, and an account of where they come from."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Prepared:
    """A task's problems (rows of records.PROBLEMS) and, for a warm start, worked answers (rows of records.EXAMPLES).

    A problem has to have its `prompt` and its `answer`, both texts; `meta` is what else its judge needs, as a
    dictionary or as JSON. The rest is filled in where it is missing: `problem_id` by the split and a number. A worked
    answer has a `prompt` and a `response`.

    `sources` says of each data set what was loaded, kept and dropped, and `dropped` lists the rows that were dropped
    for a fault; both are empty for a task that generates its problems.
    """

    train: list[dict[str, Any]]
    benchmarks: dict[str, list[dict[str, Any]]]
    examples: list[dict[str, str]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[dict[str, Any]] = field(default_factory=list)
