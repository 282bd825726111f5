"""The groups of one round: rollouts joined with their verdicts."""

from dataclasses import dataclass, field
from typing import Any

from mtpipe.differing import differ, kept_groups
from mtpipe.errors import MtpipeError
from mtpipe.records import Rollout


@dataclass(frozen=True)
class RolloutGroup:
    """All responses to one problem, in the order of their sample index, and each one's reward.

    Attributes:
        masked: the sample indices of responses that teach nothing. The others are compared with them all the same.
    """

    problem_id: str
    rollouts: list[Rollout]
    rewards: list[float]
    masked: frozenset[int] = field(default_factory=frozenset)

    @property
    def base(self) -> list[float]:
        """The responses' base temperatures."""
        return [rollout.base_temperature for rollout in self.rollouts]


def join_groups(rollouts: list[Rollout], verdicts: list[dict[str, Any]], group_size: int) -> list[RolloutGroup]:
    """Joins rollouts with verdicts by problem and sample, keeping the rollouts' order of problems.

    Raises MtpipeError if a response has no verdict or a group is not complete.
    """
    rewards = {(row["problem_id"], row["sample"]): row["reward"] for row in verdicts}
    masked = {(row["problem_id"], row["sample"]) for row in verdicts if row.get("masked")}
    by_problem: dict[str, list[Rollout]] = {}
    for rollout in rollouts:
        if (rollout.problem_id, rollout.sample) not in rewards:
            raise MtpipeError(
                f"problem {rollout.problem_id!r}, sample {rollout.sample}: no verdict; run the verify stage again"
            )
        by_problem.setdefault(rollout.problem_id, []).append(rollout)
    groups = []
    for problem_id, members in by_problem.items():
        members.sort(key=lambda rollout: rollout.sample)
        samples = [rollout.sample for rollout in members]
        if samples != list(range(group_size)):
            raise MtpipeError(f"problem {problem_id!r} has samples {samples}; expected 0 to {group_size - 1}")
        of_group = frozenset(sample for sample in samples if (problem_id, sample) in masked)
        groups.append(RolloutGroup(problem_id, members, [rewards[problem_id, sample] for sample in samples], of_group))
    return groups


def keep_groups(groups: list[RolloutGroup], count: int) -> list[RolloutGroup]:
    """The groups that the update gets of those that were drawn (`mtpipe.differing.kept_groups`)."""
    differing = [
        differ(group.rewards, [rollout.sample in group.masked for rollout in group.rollouts]) for group in groups
    ]
    return [groups[place] for place in kept_groups(differing, count)]
