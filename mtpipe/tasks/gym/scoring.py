"""Scores of answers, from a process that can be killed: each answer has a limit of CPU time and of bytes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mtpipe
from mtpipe.errors import MtpipeError
from mtpipe.run_log import others

if TYPE_CHECKING:  # it runs in the other process; named so that what reads imports (dvc.yaml's test) sees it
    from mtpipe.tasks.gym import scorer as _scorer_program  # noqa: F401

SECONDS_PER_ANSWER = 2.0
MEMORY_BYTES = 2 << 30


@dataclass(frozen=True)
class Asked:
    """A problem as its judge has to see it: the data set with its settings, and what it gave."""

    dataset: str
    settings: dict[str, Any]
    question: str
    answer: str
    metadata: dict[str, Any]


def score_answers(
    asked: Sequence[Asked],
    answers: Sequence[tuple[int, str]],
    advance: Callable[[], object] = lambda: None,
    seconds: float = SECONDS_PER_ANSWER,
) -> list[float | str]:
    """Each answer's score from 0 to 1, or `timeout` or `crashed` if its judge ended over it.

    Args:
        asked: the problems.
        answers: pairs of a problem's index and an answer's text.
        advance: is called as each answer is scored.
        seconds: of CPU time, for one answer.

    Raises MtpipeError if the process ends before it has told all.
    """
    if not answers:
        return []
    datasets = list({_key(problem): (problem.dataset, problem.settings) for problem in asked}.values())
    index = {key: number for number, key in enumerate(dict.fromkeys(map(_key, asked)))}
    request = {
        "seconds": seconds,
        "memory_bytes": MEMORY_BYTES,
        "datasets": datasets,
        "entries": [[index[_key(one)], one.question, one.answer, one.metadata] for one in asked],
        "answers": answers,
    }
    scores: list[float | str] = []
    with subprocess.Popen(
        [sys.executable, "-m", "mtpipe.tasks.gym.scorer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=others(),
        env=environment(),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request).encode())
            process.stdin.close()
        except BrokenPipeError:
            pass  # told below, by the scores that are missing
        for line in process.stdout:
            word = line.decode("ascii").strip()
            scores.append(word if word in ("timeout", "crashed") else float(word))
            advance()
    if len(scores) != len(answers):
        raise MtpipeError(
            f"the process that runs reasoning-gym's judges ended with {process.returncode} after {len(scores)} of "
            f"{len(answers)} answers; what it wrote stands above"
        )
    return scores


def environment() -> dict[str, str]:
    """Of a process that runs reasoning-gym: nothing of the user's, and one order for sets of texts."""
    here = str(Path(mtpipe.__file__).parent.parent)
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    path = {"PYTHONPATH": os.pathsep.join([here, *sys.path]), "PATH": os.defpath}
    return {"PYTHONHASHSEED": "0", **threads, **path}


def _key(asked: Asked) -> str:
    return json.dumps([asked.dataset, asked.settings], sort_keys=True)
