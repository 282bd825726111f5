"""Which groups of a round have differing rewards, and which of those that were drawn an update gets."""

from collections.abc import Sequence

ROUNDING = 1e-6
"""Rewards that differ by less than this share of the largest are equal, as they are for advantages."""


def differ(rewards: Sequence[float], masked: Sequence[bool]) -> bool:
    """Whether a group has something to teach: a response that may teach has another reward than the group's mean.

    Args:
        masked: for each response whether it teaches nothing (`reward.overlong: drop`); its reward counts in the mean.
    """
    allowed = ROUNDING * max(map(abs, rewards))
    mean = sum(rewards) / len(rewards)
    return max(rewards) - min(rewards) > allowed and any(
        abs(reward - mean) > allowed for reward, dropped in zip(rewards, masked, strict=True) if not dropped
    )


def kept_groups(differing: Sequence[bool], count: int) -> list[int]:
    """The places, ascending, of the groups that an update gets, of all that were drawn.

    They are the first `count` that differ. If fewer do, the first of the others fill up, so that the update takes as
    many steps as without a refill; if no more than `count` were drawn, they are all of them.

    Args:
        differing: for each group in the order of the problems whether its rewards differ.
    """
    places = range(len(differing))
    by_use = [place for place in places if differing[place]] + [place for place in places if not differing[place]]
    return sorted(by_use[:count])
