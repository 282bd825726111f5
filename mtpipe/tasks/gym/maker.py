"""The process that makes problems: `python -m mtpipe.tasks.gym.maker`, started by mtpipe/tasks/gym/mixing.py.

<- {"seed": 0, "wanted": [{"split": …, "key": …, "dataset": …, "settings": {…}, "count": 9}, …]}
-> {"drawn": [{"problems": […], "left_out": {"duplicate": 1}}, …]}, or {"error": "…"}
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

from mtpipe.tasks.gym.datasets import MadeProblem, check, entries
from mtpipe.tasks.gym.mixing import DrawnProblems, Wanted
from mtpipe.tasks.gym.scorer import judge_of, score_of
from mtpipe.tasks.gym.scoring import Asked

_TRIES = 20
"""Problems asked for, for each that is wanted; data sets repeat themselves."""


class Mixer:
    """Draws problems split by split; a question that an earlier split has does not come again.

    So benchmarks are drawn first, and training problems that stand in one are left out, and counted.
    """

    def __init__(self, seed: int):
        self._seed = seed
        self._taken: dict[tuple[str, str], str] = {}

    def draw(self, wanted: Wanted) -> DrawnProblems:
        """So many problems whose own gold gets a score of 1.

        Raises ValueError if the data set does not have as many.
        """
        left_out: Counter[str] = Counter()
        found: list[Asked] = []
        stream = self._different(wanted, left_out)
        judge = judge_of(wanted.dataset, check(wanted.dataset, wanted.settings, wanted.key))
        while len(found) < wanted.count:
            entry = next(stream, None)
            if entry is None:
                raise ValueError(_too_few(wanted, len(found), left_out))
            if score_of(judge, entry.answer, vars(entry)) == 1.0:
                found.append(Asked(wanted.dataset, wanted.settings, **vars(entry)))
            else:
                left_out["gold not judged correct"] += 1
        return DrawnProblems(found, dict(left_out))

    def _different(self, wanted: Wanted, left_out: Counter[str]) -> Iterator[MadeProblem]:
        seed = f"{self._seed}/{wanted.split}/{wanted.key}"
        random.seed(seed)  # for a data set that draws from the process's own generator
        for entry in entries(wanted.dataset, wanted.settings, seed, _TRIES * wanted.count + 100, wanted.key):
            identity = wanted.dataset, entry.question
            if (where := self._taken.get(identity)) is not None:
                left_out["duplicate" if where == wanted.split else f"also in {where}"] += 1
            elif not (entry.question.strip() and entry.answer.strip()):
                left_out["no question or no answer"] += 1
            else:
                self._taken[identity] = wanted.split
                yield entry


def _too_few(wanted: Wanted, found: int, left_out: Counter[str]) -> str:
    reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(left_out.items())) or "it has no more"
    return (
        f"{wanted.key}: only {found} of {wanted.count} different problems of {wanted.dataset} found ({reasons}); ask "
        f"for fewer, or give it settings that allow for more"
    )


def main() -> None:
    """Answers the request of `draw_problems` on standard input."""
    request = json.load(sys.stdin)
    mixer = Mixer(request["seed"])
    try:
        drawn = [asdict(mixer.draw(Wanted(**wanted))) for wanted in request["wanted"]]
    except ValueError as error:
        json.dump({"error": str(error)}, sys.stdout)
    else:
        json.dump({"drawn": drawn}, sys.stdout)


if __name__ == "__main__":
    main()
