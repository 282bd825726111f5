"""The process that runs reasoning-gym's judges: `python -m mtpipe.tasks.gym.scorer`, which `scoring` starts.

It reads one request, loads what the judges need and lets each score a gold, so that all is imported. Then it forks a
judge, which locks itself down (mtpipe/verify/sandbox.py: no files, sockets, processes, imports, and no compiling of
text as Python) and only then reads answers. A judge that runs out of time or memory costs its answer alone: the next is
forked for the answers that are left.

    <- {"seconds": 5.0, "memory_bytes": …, "datasets": [[name, settings], …],
        "entries": [[dataset's index, question, gold, metadata], …], "answers": [[entry's index, text], …]}
    -> one line for each answer, in order: its score, or `timeout`, or `crashed`
"""

import copy
import json
import math
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from reasoning_gym.factory import create_dataset

from mtpipe.tasks.gym.datasets import check
from mtpipe.tasks.gym.expressions import score_expression
from mtpipe.tasks.gym.refused import JUDGED_HERE, REFUSED
from mtpipe.verify.sandbox import limit_cpu, lock_down

ScoreAnswer = Callable[[str, dict[str, Any]], float]
_WALL_SECONDS_PER_CPU_SECOND = 12.0
_LONGEST_LINE = 64


def main() -> None:
    """Answers the request on standard input."""
    warnings.simplefilter("ignore")
    request = json.load(sys.stdin)
    judges = [judge_of(name, settings) for name, settings in request["datasets"]]
    entries = [
        (judges[index], {"question": question, "answer": gold, "metadata": metadata})
        for index, question, gold, metadata in request["entries"]
    ]
    for judge, entry in {id(judge): (judge, entry) for judge, entry in entries}.values():
        for text in (entry["answer"], "x"):
            score_of(judge, text, entry)
    answers = [(*entries[index], text) for index, text in request["answers"]]
    while answers:
        answers = answers[serve(answers, request["seconds"], request["memory_bytes"]) :]


def judge_of(name: str, settings: dict[str, Any]) -> ScoreAnswer:
    """The judge of a data set. Raises ValueError if it is refused."""
    if name in REFUSED:
        raise ValueError(f"{name} is refused: {REFUSED[name]}")
    if name in JUDGED_HERE:
        field = JUDGED_HERE[name]
        return lambda text, entry: score_expression(
            text, entry["metadata"]["numbers"], entry["metadata"][field] if field else 24
        )
    judge: ScoreAnswer = create_dataset(name, **check(name, settings, name)).score_answer
    return judge


def score_of(judge: ScoreAnswer, text: str, entry: dict[str, Any]) -> float:
    """From 0 to 1; 0 if the judge raises. It gets a copy of the entry, because some judges write into it."""
    try:
        score = float(judge(text, copy.deepcopy(entry)))
    except MemoryError:
        raise
    except Exception:
        return 0.0
    return min(1.0, max(0.0, score)) if math.isfinite(score) else 0.0


def serve(answers: list[tuple[ScoreAnswer, dict[str, Any], str]], seconds: float, memory_bytes: int) -> int:
    """Has one judge score answers until it has done all or ends over one; tells, and returns how many are told."""
    read, write = os.pipe()
    judge = os.fork()
    if judge == 0:
        os.dup2(write, 1)
        lock_down(memory_bytes)
        _work(answers, seconds)
    os.close(write)
    told, word = _relay(read, len(answers), seconds * _WALL_SECONDS_PER_CPU_SECOND)
    os.close(read)
    os.kill(judge, signal.SIGKILL)  # it has ended, or is to
    status = os.waitpid(judge, 0)[1]
    if told < len(answers):
        overran = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF
        print(word or ("timeout" if overran else "crashed"), flush=True)
        told += 1
    return told


def _relay(read: int, most: int, wall_seconds: float) -> tuple[int, str]:
    """Passes on the scores that a judge tells, until it ends, tells something else, or says nothing for too long.

    Returns:
        how many scores it told, and what is to be said of the next; "" if that depends on how it ended.
    """
    received, told = b"", 0
    deadline = time.monotonic() + wall_seconds
    while told < most and select.select([read], [], [], max(0.0, deadline - time.monotonic()))[0]:
        piece = os.read(read, 65536)
        *lines, received = (received + piece).split(b"\n")
        for line in lines:
            if told == most or not _is_score(line):
                return told, "crashed"
            print(line.decode(), flush=True)
            told += 1
        if not piece or len(received) > _LONGEST_LINE:
            return told, "crashed" if piece else ""
        deadline = time.monotonic() + wall_seconds
    return told, "timeout"


def _is_score(line: bytes) -> bool:
    """Whether it is a number from 0 to 1. A judge that was taken over could write anything."""
    try:
        return len(line) <= _LONGEST_LINE and 0 <= float(line.decode("ascii")) <= 1
    except ValueError:
        return False


def _work(answers: list[tuple[ScoreAnswer, dict[str, Any], str]], seconds: float) -> NoReturn:
    """The judge's life. Unbuffered, so that nothing is lost with the process."""
    try:
        for judge, entry, text in answers:
            limit_cpu(seconds)
            score = score_of(judge, text, entry)
            limit_cpu(0)
            os.write(1, b"%r\n" % score)
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
