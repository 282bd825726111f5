"""What judged responses are worth: weighted parts, some of which look at the whole group."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mtpipe.errors import MtpipeError
from mtpipe.settings.plugins import load_function, own_code
from mtpipe.settings.reward import DROP, Reward

_WITHOUT_FORM = frozenset({"no_answer", "unfinished"})


@dataclass(frozen=True)
class JudgedResponse:
    """A response as the parts of a reward see it.

    Attributes:
        tokens: the ids of the response's tokens.
        finish_reason: "stop", or "length" if it was cut off.
        score: from 0 to 1; 1 for the verdict `correct`, and else what the task gives for a part of the way.
    """

    sample: int
    text: str
    tokens: list[int]
    finish_reason: str
    verdict: str
    answer: str
    score: float


@dataclass(frozen=True)
class Rewarded:
    """A response's reward, the value of each of its parts before weighting, and whether it teaches nothing."""

    reward: float
    parts: dict[str, float]
    masked: bool


def reward_group(
    problem: dict[str, Any], responses: Sequence[JudgedResponse], settings: Reward, max_new_tokens: int
) -> list[Rewarded]:
    """The rewards of all responses to a problem: the sum of each part's value times its weight.

    * `correct` has the score as its value, `wrong` what it lacks to 1.
    * `format`: 1 if the response gives an answer in the form asked for.
    * `overlong_penalty`: the soft overlong penalty of DAPO (arXiv 2503.14476, equation 13), which its weight takes off:
      0 up to max_new_tokens - overlong_buffer tokens, from there in a straight line to 1 at max_new_tokens.
    * A part of one's own is a function of the problem (a row of records.PROBLEMS) and its responses, and gives each of
      them a number.

    A response cut off at its length gets `overlong` and no other part if that is a number; with `drop` it is masked.

    Raises MtpipeError, naming the problem, if a part of one's own fails or does not give a number for each response.
    """
    weights = settings.weights
    own = {path: _values(path, problem, responses) for path in settings.parts}
    found = []
    for index, response in enumerate(responses):
        cut = response.finish_reason == "length"
        if cut and isinstance(settings.overlong, float):
            values = dict.fromkeys(weights, 0.0) | {"overlong": 1.0}
        else:
            beyond = len(response.tokens) - (max_new_tokens - settings.overlong_buffer)
            values = {
                "correct": response.score,
                "wrong": 1.0 - response.score,
                "format": float(response.verdict not in _WITHOUT_FORM),
                "overlong_penalty": min(1.0, max(0.0, beyond / (settings.overlong_buffer or 1))),
                "overlong": 0.0,
                **{path: of_part[index] for path, of_part in own.items()},
            }
        parts = {name: values[name] for name in weights}
        reward = sum(weight * parts[name] for name, weight in weights.items())
        found.append(Rewarded(reward, parts, cut and settings.overlong == DROP))
    return found


def reward_round(
    problems: list[dict[str, Any]],
    rollouts: list[dict[str, Any]],
    judged: list[dict[str, Any]],
    settings: Reward,
    max_new_tokens: int,
) -> list[dict[str, Any]]:
    """Rows of records.VERDICTS: the judged rows with their rewards, in their order.

    Args:
        rollouts: rows with problem_id, sample, text, response_ids and finish_reason.
        judged: what `judge_responses` made of them.
    """
    by_id = {problem["problem_id"]: problem for problem in problems}
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(judged):
        groups.setdefault(row["problem_id"], []).append(index)
    rewarded: dict[int, Rewarded] = {}
    for problem_id, members in groups.items():
        responses = [_response(rollouts[index], judged[index]) for index in members]
        found = reward_group(by_id[problem_id], responses, settings, max_new_tokens)
        rewarded |= dict(zip(members, found, strict=True))
    return [row | vars(rewarded[index]) for index, row in enumerate(judged)]


def _response(rollout: dict[str, Any], judged: dict[str, Any]) -> JudgedResponse:
    return JudgedResponse(
        sample=rollout["sample"],
        text=rollout["text"],
        tokens=rollout["response_ids"],
        finish_reason=rollout["finish_reason"],
        verdict=judged["verdict"],
        answer=judged["answer"],
        score=judged["score"],
    )


def _values(path: str, problem: dict[str, Any], responses: Sequence[JudgedResponse]) -> list[float]:
    """What a part of one's own gives each response."""
    part = load_function(path, ("problem", "responses"), "part of the reward")
    try:
        with own_code(path):
            found = list(part(dict(problem), list(responses)))
    except ValueError as error:
        raise MtpipeError(f"problem {problem['problem_id']}: {error}") from error
    if len(found) != len(responses) or not all(_is_number(value) for value in found):
        raise MtpipeError(
            f"problem {problem['problem_id']}: {path} gave {found}; expected {len(responses)} finite numbers, one for "
            f"each response"
        )
    return [float(value) for value in found]


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, str) and math.isfinite(value)
    except (TypeError, ValueError):
        return False
