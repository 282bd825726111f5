"""Judging responses: from text to verdict, by the problem's task."""

import math
from collections.abc import Callable
from typing import Any

from mtpipe.errors import MtpipeError
from mtpipe.settings.plugins import own_code, written_in
from mtpipe.settings.reward import Judging
from mtpipe.tasks.task import TASKS, Task, task_class
from mtpipe.verify.judgement import Judgement

_KEPT = 200
"""Characters of an answer."""


def judge_responses(
    problems: list[dict[str, Any]],
    responses: list[dict[str, Any]],
    judging: Judging,
    advance: Callable[[], object] = lambda: None,
) -> list[dict[str, Any]]:
    """The verdict, score, answer and detail of each response, in order.

    The responses are rows with problem_id, sample, text and finish_reason.
    `advance` is called as each response is judged. Raises MtpipeError if a response belongs to none of the
    problems, a problem to no known task, or if the judge of a task fails.
    """
    by_id = {problem["problem_id"]: problem for problem in problems}
    asked = []
    for response in responses:
        if response["problem_id"] not in by_id:
            raise MtpipeError(
                f"a response belongs to problem {response['problem_id']!r}, which is not among the problems"
            )
        asked.append(by_id[response["problem_id"]])
    tasks = {problem["task"] for problem in asked}
    if not tasks:
        return []
    if len(tasks) > 1:
        raise MtpipeError(f"the problems are of the tasks {', '.join(sorted(tasks))}; expected those of one")
    name = tasks.pop()
    try:
        task = task_class(name)
    except ValueError as error:
        raise MtpipeError(str(error)) from error
    judgements = _judge_all(task, name, asked, responses, judging, advance)
    return [
        {"problem_id": response["problem_id"], "sample": response["sample"], **_entry(judgement, problem, task)}
        for response, problem, judgement in zip(responses, asked, judgements, strict=True)
    ]


def _judge_all(task: type[Task], name: str, *arguments: Any) -> list[Any]:
    """What a task's `judge_all` gives. Raises MtpipeError if one of one's own fails or leaves a response out."""
    try:
        with own_code(name):
            judgements = list(task.judge_all(*arguments))
    except ValueError as error:
        if name not in TASKS:
            raise MtpipeError(str(error)) from error
        raise
    if len(judgements) != len(arguments[0]):
        raise MtpipeError(
            f"{name}: `judge_all` ({written_in(task.judge_all)}) gave {len(judgements)} judgements of "
            f"{len(arguments[0])} responses; expected one of each"
        )
    return judgements


def _entry(judgement: Any, problem: dict[str, Any], task: type[Task]) -> dict[str, Any]:
    """A judgement as the columns of records.VERDICTS. Raises MtpipeError if it is none."""
    fault = _fault(judgement)
    if fault is not None:
        raise MtpipeError(
            f"problem {problem['problem_id']}: the judge of {problem['task']} ({written_in(task.judge)}) gave {fault}"
        )
    score = judgement.score
    return {
        "verdict": judgement.verdict,
        "score": float(judgement.verdict == "correct" if score is None else score),
        "answer": judgement.answer[:_KEPT],
        "detail": judgement.detail,
    }


def _fault(judgement: Any) -> str | None:
    """What is wrong with what a judge gave; None if nothing is."""
    if not isinstance(judgement, Judgement):
        return f"{judgement!r:.200}; expected a Judgement"
    for name in ("verdict", "answer", "detail"):
        if not isinstance(found := getattr(judgement, name), str):
            return f"the {name} {found!r:.200}; expected a text"
    score = judgement.score
    if score is not None and not (isinstance(score, int | float) and math.isfinite(score) and 0 <= score <= 1):
        return f"the score {score!r}; expected a number from 0 to 1, or None"
    return None
