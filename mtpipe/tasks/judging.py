"""Judging responses: from text to verdict, by the problem's task."""

from collections.abc import Callable
from typing import Any

from mtpipe.errors import MtpipeError
from mtpipe.settings.reward import Judging
from mtpipe.tasks.synthetic import TASKS
from mtpipe.verify.answers import judge_problem_responses
from mtpipe.verify.compare.rules import Rules


def judge_responses(
    problems: list[dict[str, Any]],
    responses: list[dict[str, Any]],
    judging: Judging,
    advance: Callable[[], object] = lambda: None,
) -> list[dict[str, Any]]:
    """The verdict, score, answer and detail of each response, in order.

    The responses are rows with problem_id, sample, text and finish_reason.
    `advance` is called as each response is judged. Raises MtpipeError if a response belongs to none of the
    problems, or a problem to no known task.
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
    judgements: list[Any] = []
    if tasks == {"math"}:
        texts, rules = [response["text"] for response in responses], Rules(**judging.model_dump())
        judgements = judge_problem_responses(asked, texts, rules, advance)
    elif len(tasks) == 1 and tasks <= TASKS.keys():
        judge = TASKS[tasks.pop()].judge
        for problem, response in zip(asked, responses, strict=True):
            judgements.append(judge(problem, response["text"], response["finish_reason"]))
            advance()
    elif tasks:
        expected = ", ".join([*TASKS, "math"])
        raise MtpipeError(f"the problems' tasks are {sorted(tasks)}; expected one of {expected}")
    return [
        {
            "problem_id": response["problem_id"],
            "sample": response["sample"],
            "verdict": judgement.verdict,
            "score": float(judgement.verdict == "correct"),
            "answer": judgement.answer,
            "detail": judgement.detail,
        }
        for response, judgement in zip(responses, judgements, strict=True)
    ]
