"""Drawing problems that differ from each other."""

from collections.abc import Callable, Hashable
from typing import TypeVar

Problem = TypeVar("Problem")


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
