"""What judging says of a response, whatever its task."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Judgement:
    """What became of one response.

    Attributes:
        verdict: one word. Of every task: `correct`, `wrong`, `no_answer`. Of mathematics (mtpipe.verify.answers):
            `unparseable`, `rejected`, `timeout`, `crashed`. Of the synthetic tasks: `false_step`, `foreign_step`,
            `unfinished`.
        answer: what the response gave, at most 200 characters of it.
        detail: why it is not correct; empty if it is.
        score: from 0 to 1, for a part of the way; None: 1 for `correct`, else 0.
    """

    verdict: str
    answer: str
    detail: str = ""
    score: float | None = None
