"""What a judged response is worth: the verdict's reward, and its shaping by form and length."""

from mtpipe.settings.reward import Reward

_WITHOUT_FORM = frozenset({"no_answer", "unfinished"})


def reward_of(verdict: str, finish_reason: str, tokens: int, settings: Reward, max_new_tokens: int) -> float:
    """The reward of a response of `tokens` tokens that ended by `finish_reason` ("stop" or "length").

    A response cut off at its length gets `overlong` where that is set, whatever its verdict. Otherwise it gets
    `correct` or `wrong`, plus `format` where it gives an answer in the form asked for, minus the soft overlong penalty
    of DAPO (arXiv 2503.14476, equation 13): nothing up to max_new_tokens - overlong_buffer tokens, from there in a
    straight line to the whole overlong_penalty at max_new_tokens.
    """
    if finish_reason == "length" and settings.overlong is not None:
        return settings.overlong
    reward = settings.correct if verdict == "correct" else settings.wrong
    if verdict not in _WITHOUT_FORM:
        reward += settings.format
    if settings.overlong_buffer:
        beyond = tokens - (max_new_tokens - settings.overlong_buffer)
        reward -= settings.overlong_penalty * min(1.0, max(0.0, beyond / settings.overlong_buffer))
    return reward
