"""Drawing problems that differ from each other, and the splits of a task that generates them."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Problem = TypeVar("Problem")
Rows = list[dict[str, Any]]


def draw_different(
    count: int, tries: int, taken: set[Hashable], draw: Callable[[], tuple[Hashable, Problem] | None]
) -> list[Problem]:
    """Draws until there are `count` problems, or fewer after so many tries.

    Args:
        taken: identities that may not come again; those of the problems found join them.
        draw: a problem with its identity, or None for one that will not do.
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
    return found


def draw_splits(
    draw: Callable[[str, str, int], Rows],
    others: tuple[str, str],
    warm_start_problems: int,
    harder_share: float,
    train_problems: int,
    benchmark_problems: int,
) -> dict[str, Rows]:
    """A benchmark of each kind, `train` of the kind `same`, and the warm start, as rows of records.PROBLEMS.

    Args:
        draw: so many problems of a split and a kind, as rows that lack their id and their split.
        others: the kinds beside `same`, which is that of the training problems.
        harder_share: the share of the warm start's problems that are of the others, half and half.
    """

    def named(split: str, kind: str, count: int) -> Rows:
        prefix = f"{split}-{kind}" if split == "warm_start" else split
        rows = draw(split, kind, count)
        return [{"problem_id": f"{prefix}-{index}", "split": split, **row} for index, row in enumerate(rows)]

    wide = round(warm_start_problems * harder_share / 2)
    splits = {kind: named(kind, kind, benchmark_problems) for kind in ("same", *others)}
    splits["train"] = named("train", "same", train_problems)
    splits["warm_start"] = named("warm_start", "same", warm_start_problems - 2 * wide)
    for kind in others:
        splits["warm_start"] += named("warm_start", kind, wide)
    return splits
