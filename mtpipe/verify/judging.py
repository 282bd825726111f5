"""Judging responses: from text to verdict and reward."""

from collections.abc import Iterable
from typing import Any

from mtpipe.errors import MtpipeError
from mtpipe.params import Reward
from mtpipe.tasks import arithmetic


def judge_responses(
    problems: list[dict[str, Any]], responses: Iterable[dict[str, Any]], reward: Reward
) -> list[dict[str, Any]]:
    """Rows of records.VERDICTS, one for each response (rows with problem_id, sample, text, finish_reason), in order.

    Raises MtpipeError where a response belongs to none of the problems.
    """
    by_id = {problem["problem_id"]: problem for problem in problems}
    rows = []
    for response in responses:
        problem = by_id.get(response["problem_id"])
        if problem is None:
            raise MtpipeError(
                f"a response belongs to problem {response['problem_id']!r}, which is not among the problems"
            )
        judgement = arithmetic.judge(problem, response["text"], response["finish_reason"])
        rows.append(
            {
                "problem_id": response["problem_id"],
                "sample": response["sample"],
                "reward": reward.correct if judgement.verdict == "correct" else reward.wrong,
                "verdict": judgement.verdict,
                "answer": judgement.answer,
                "detail": judgement.detail,
            }
        )
    return rows
