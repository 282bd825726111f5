"""One policy's judged responses to one benchmark, as arrays."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mtpipe.errors import MtpipeError
from mtpipe.records import EVALUATION, read_table

_ANSWERED = ("correct", "wrong")
"""The verdicts of a response that reached a final answer, and so may vote for it."""
_EXAMPLE_CHARACTERS = 400


@dataclass(frozen=True)
class Judged:
    """Problems in the order of their ids; the arrays have shape [problems, samples], `majority` [problems].

    `majority` is None where two right answers to one problem read differently: without a canonical form, counting
    votes by their text would split them. `example` is the first response to the first problem of the file.
    """

    source: str
    problems: tuple[str, ...]
    correct: NDArray[np.bool_]
    tokens: NDArray[np.int32]
    overlong: NDArray[np.bool_]
    majority: NDArray[np.float64] | None
    verdicts: dict[str, int]
    example: dict[str, str]

    @property
    def samples(self) -> int:
        return self.correct.shape[1]


def read_judged(path: Path, samples: Callable[[str], int]) -> dict[str, Judged]:
    """An evaluation's benchmarks in the order of the file.

    Args:
        samples: the number of responses that each problem of a benchmark has to have, numbered from 0.

    Raises MtpipeError if the file is missing or unreadable, and if a response is missing, is there twice, or is
    one too many.
    """
    table = read_table(path, EVALUATION)
    names = table["benchmark"].unique().to_pylist()
    return {
        name: _judged(table.filter(pc.equal(table["benchmark"], name)), path.as_posix(), samples(name))
        for name in names
    }


def _judged(table: pa.Table, source: str, samples: int) -> Judged:
    ids = np.array(table["problem_id"].to_pylist())
    problems, problem = np.unique(ids, return_inverse=True)
    number = table["sample"].to_numpy()
    order = np.lexsort((number, problem))
    _check_complete(problems, problem[order], number[order], samples, source)

    def grid(values: NDArray[Any]) -> NDArray[Any]:
        return values[order].reshape(len(problems), samples)

    first = table.slice(0, 1).to_pylist()[0]
    text = first["text"]
    if len(text) > _EXAMPLE_CHARACTERS:
        first["text"] = text[:_EXAMPLE_CHARACTERS] + " …"
    verdicts = np.array(table["verdict"].to_pylist())
    return Judged(
        source=source,
        problems=tuple(problems.tolist()),
        correct=grid(table["correct"].to_numpy()),
        tokens=grid(table["tokens"].to_numpy()),
        overlong=grid(np.array(table["finish_reason"].to_pylist()) == "length"),
        majority=majority_votes(grid(np.array(table["answer"].to_pylist(), dtype=object)), grid(verdicts)),
        verdicts=dict(sorted(Counter(verdicts.tolist()).items())),
        example={key: first[key] for key in ("problem_id", "verdict", "answer", "text")},
    )


def _check_complete(
    problems: NDArray[Any], problem: NDArray[np.intp], number: NDArray[np.int32], samples: int, source: str
) -> None:
    """Raises MtpipeError unless the sorted (problem, number) are 0 … samples-1 for every problem."""
    counts = np.bincount(problem, minlength=len(problems))
    wrong = counts != samples
    if not wrong.any():
        wrong = (number.reshape(len(problems), samples) != np.arange(samples)).any(axis=1)
    if wrong.any():
        index = int(np.argmax(wrong))
        found = number[problem == index].tolist()
        raise MtpipeError(
            f"{source}: problem {str(problems[index])!r} has samples {found}; expected 0 to {samples - 1} "
            f"(`samples` under evaluate, or the benchmark's own); run the evaluation again"
        )


def majority_votes(answers: NDArray[Any], verdicts: NDArray[Any]) -> NDArray[np.float64] | None:
    """Each problem's maj@samples: whether the most frequent final answer is right; a tie counts by its right share.

    That is the expected value when ties are broken at random. A problem without any final answer counts as wrong.

    Args:
        answers: [problems, samples] texts; verdicts: [problems, samples], of which `correct` and `wrong` may vote.

    Returns None where two right answers to one problem read differently.
    """
    values = np.zeros(len(answers))
    for index, (texts, judged) in enumerate(zip(answers.tolist(), verdicts.tolist(), strict=True)):
        votes = Counter(text for text, verdict in zip(texts, judged, strict=True) if text and verdict in _ANSWERED)
        right = {text for text, verdict in zip(texts, judged, strict=True) if verdict == "correct"}
        if len(right) > 1:
            return None
        if votes:
            most = max(votes.values())
            tied = [text for text, count in votes.items() if count == most]
            values[index] = sum(text in right for text in tied) / len(tied)
    return values
