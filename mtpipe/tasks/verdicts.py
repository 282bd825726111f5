"""From responses to verdicts with rewards: what the stage verify writes, and what a refill counts by."""

from collections.abc import Callable
from typing import Any

from mtpipe.settings.reward import Reward
from mtpipe.tasks.judging import judge_responses
from mtpipe.tasks.rewards import reward_round


def rewarded_verdicts(
    problems: list[dict[str, Any]],
    responses: list[dict[str, Any]],
    reward: Reward,
    max_new_tokens: int,
    advance: Callable[[], object] = lambda: None,
) -> list[dict[str, Any]]:
    """Rows of records.VERDICTS, one for each response, in order.

    A row depends on the responses of its own group and on nothing else.

    Args:
        responses: rows with problem_id, sample, text, response_ids and finish_reason; whole groups.
        advance: called as each response is judged.

    Raises MtpipeError if a response belongs to none of the problems, or if a part of the reward fails.
    """
    judged = judge_responses(problems, responses, reward.judging, advance)
    return reward_round(problems, responses, judged, reward, max_new_tokens)
