"""Problems of several data sets, mixed by weight; no question comes twice, in whichever split.

They are made in a process of its own (mtpipe/tasks/gym/maker.py), where the order of sets of texts is fixed by
PYTHONHASHSEED: some data sets go by it (isomorphic_strings, knight_swap, ransom_note and word_ladder of 0.1.25), and
would give other problems in every process.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mtpipe.errors import MtpipeError
from mtpipe.run_log import others
from mtpipe.tasks.gym.scoring import Asked, environment

if TYPE_CHECKING:  # it runs in the other process; named so that what reads imports (dvc.yaml's test) sees it
    from mtpipe.tasks.gym import maker as _maker_program  # noqa: F401


@dataclass(frozen=True)
class Wanted:
    """So many problems of a data set for a split; `key` is where params.yaml has it, for messages."""

    split: str
    key: str
    dataset: str
    settings: dict[str, Any]
    count: int


@dataclass(frozen=True)
class DrawnProblems:
    """Problems of one data set, and what became of the others: `left_out` counts them by reason."""

    problems: list[Asked]
    left_out: dict[str, int] = field(default_factory=dict)


def shares(weights: Mapping[str, float], count: int) -> dict[str, int]:
    """So many problems of each, in proportion to the weights; what rounding leaves goes to the largest remainders."""
    total = sum(weights.values())
    exact = {name: count * weight / total for name, weight in weights.items()}
    found = {name: int(share) for name, share in exact.items()}
    for name in sorted(exact, key=lambda name: found[name] - exact[name])[: count - sum(found.values())]:
        found[name] += 1
    return found


def draw_problems(seed: int, wanted: Sequence[Wanted]) -> list[DrawnProblems]:
    """Draws for one after the other, the same problems in every process: benchmarks have to come first.

    Raises ValueError if a data set or setting is not to be had, or if there are not as many different problems.
    """
    request = json.dumps({"seed": seed, "wanted": [vars(one) for one in wanted]})
    command = [sys.executable, "-m", "mtpipe.tasks.gym.maker"]
    done = subprocess.run(
        command, input=request, stdout=subprocess.PIPE, stderr=others(), text=True, env=environment(), check=False
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise MtpipeError(
            f"the process that makes reasoning-gym's problems ended with {done.returncode}; what it wrote stands above"
        ) from None
    if "error" in answer:
        raise ValueError(answer["error"])
    return [DrawnProblems([Asked(**asked) for asked in one["problems"]], one["left_out"]) for one in answer["drawn"]]
