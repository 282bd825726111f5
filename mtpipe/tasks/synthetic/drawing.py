"""Drawing problems that differ from each other, and the splits of a task that generates them."""

from abc import abstractmethod
from collections.abc import Callable, Hashable
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import Field

from mtpipe.tasks.prepared import Prepared
from mtpipe.tasks.task import Task

Problem = TypeVar("Problem")
Rows = list[dict[str, Any]]
WarmStartProblems = Annotated[int, Field(ge=1, description="problems with worked answers, for the warm start")]
HarderShare = Annotated[
    float,
    Field(
        ge=0, le=1, description="share of the warm-start problems drawn from the two other benchmarks' distributions"
    ),
]


class SyntheticTask(Task):
    """What the tasks that are generated from a seed have in common."""

    has_worked_answers: ClassVar[bool] = True
    seed: int = Field(default=0, ge=0)
    largest: int = Field(default=9, ge=2, le=99, description="largest number in a training problem")
    bound: int = Field(default=99, ge=10, description="no intermediate value is larger than this, either sign")
    warm_start_problems: WarmStartProblems = 30000
    warm_start_harder_share: HarderShare = 0.3
    train_problems: int = Field(default=8000, ge=1, description="problems for reinforcement learning")
    benchmark_problems: int = Field(default=500, ge=1, description="held-out problems in each benchmark")

    def benchmark_size(self, name: str) -> int:
        return self.benchmark_problems

    @abstractmethod
    def generate_problems(self) -> dict[str, Rows]:
        """The problems of `train`, of `warm_start` and of each benchmark, as rows of records.PROBLEMS.

        Raises ValueError if the settings do not admit as many different problems.
        """

    @abstractmethod
    def demonstrations(self, problems: Rows) -> list[dict[str, str]]:
        """Worked answers to the warm start's problems."""

    def prepare(self, checkpoint: str | None) -> Prepared:
        splits = self.generate_problems()
        benchmarks = {name: splits[name] for name in self.benchmark_names}
        return Prepared(splits["train"], benchmarks, self.demonstrations(splits["warm_start"]))


def draw_different(
    count: int, tries: int, taken: set[Hashable], draw: Callable[[], tuple[Hashable, Problem] | None], which: str
) -> list[Problem]:
    """Draws until there are `count` problems.

    Args:
        taken: identities that may not come again; those of the problems found join them.
        draw: a problem with its identity, or None for one that will not do.
        which: the problems in words, for the error.

    Raises ValueError if so many tries do not give them.
    """
    found: list[Problem] = []
    for _ in range(tries):
        if len(found) == count:
            break
        drawn = draw()
        if drawn is None or drawn[0] in taken:
            continue
        taken.add(drawn[0])
        found.append(drawn[1])
    if len(found) < count:
        raise ValueError(
            f"only {len(found)} of {count} different problems found {which}; "
            f"ask for fewer, or allow more or larger numbers"
        )
    return found


def draw_splits(
    settings: SyntheticTask, others: tuple[str, str], draw: Callable[[str, str, int], Rows]
) -> dict[str, Rows]:
    """A benchmark of each kind, `train` of the kind `same`, and the warm start, as rows of records.PROBLEMS.

    Of the warm start's problems a share `warm_start_harder_share` is of the other kinds, half and half.

    Args:
        others: the kinds beside `same`, which is that of the training problems.
        draw: so many problems of a split and a kind, as rows that lack their id and their split.
    """

    def named(split: str, kind: str, count: int) -> Rows:
        prefix = f"{split}-{kind}" if split == "warm_start" else split
        rows = draw(split, kind, count)
        return [{"problem_id": f"{prefix}-{index}", "split": split, **row} for index, row in enumerate(rows)]

    wide = round(settings.warm_start_problems * settings.warm_start_harder_share / 2)
    splits = {kind: named(kind, kind, settings.benchmark_problems) for kind in ("same", *others)}
    splits["train"] = named("train", "same", settings.train_problems)
    splits["warm_start"] = named("warm_start", "same", settings.warm_start_problems - 2 * wide)
    for kind in others:
        splits["warm_start"] += named("warm_start", kind, wide)
    return splits
