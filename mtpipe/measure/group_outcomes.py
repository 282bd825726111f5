"""What a round's groups came to: whether a group can teach anything, and how much its responses differ."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from mtpipe.records import Rollout


def count_outcomes(groups: Iterable[Collection[bool]]) -> Counter[str]:
    """How many groups are `right`, `mixed` and `wrong`: all, some and none of their responses are correct."""
    return Counter("right" if all(group) else "mixed" if any(group) else "wrong" for group in groups)


def group_outcomes(rollouts: list[Rollout], verdicts: list[dict[str, Any]]) -> dict[str, float]:
    """Shares of the round's groups by how many of their responses are correct, and the diversity within groups.

    Returns:
        `groups_right`, `groups_mixed` and `groups_wrong`, which sum to 1, as `count_outcomes` has them.
        `distinct_responses` and `distinct_answers`: the number of different texts and of different final answers over
        the number of responses, as means over groups.
    """
    correct, texts, answers = defaultdict(list), defaultdict(set), defaultdict(set)
    for row in verdicts:
        correct[row["problem_id"]].append(row["verdict"] == "correct")
        answers[row["problem_id"]].add(row["answer"])
    for rollout in rollouts:
        texts[rollout.problem_id].add(rollout.text)
    groups = len(correct)
    outcomes = count_outcomes(correct.values())
    return {
        "groups_right": outcomes["right"] / groups,
        "groups_mixed": outcomes["mixed"] / groups,
        "groups_wrong": outcomes["wrong"] / groups,
        "distinct_responses": sum(len(texts[id]) / len(group) for id, group in correct.items()) / groups,
        "distinct_answers": sum(len(answers[id]) / len(group) for id, group in correct.items()) / groups,
    }
