"""The groups of one round: rollouts joined with their verdicts."""

from dataclasses import dataclass
from typing import Any

from mtpipe.errors import MtpipeError


@dataclass(frozen=True)
class Group:
    """All responses to one problem, in the order of their sample index; `rollouts` are rows of records.ROLLOUTS."""

    problem_id: str
    rollouts: list[dict[str, Any]]
    rewards: list[float]

    @property
    def base(self) -> list[float]:
        """The responses' base temperatures."""
        return [row["base_temperature"] for row in self.rollouts]


def join_groups(rollouts: list[dict[str, Any]], verdicts: list[dict[str, Any]], group_size: int) -> list[Group]:
    """Joins rollouts with verdicts by problem and sample, keeping the rollouts' order of problems.

    Raises MtpipeError where a response has no verdict or a group is not complete.
    """
    rewards = {(row["problem_id"], row["sample"]): row["reward"] for row in verdicts}
    by_problem: dict[str, list[dict[str, Any]]] = {}
    for row in rollouts:
        if (row["problem_id"], row["sample"]) not in rewards:
            raise MtpipeError(
                f"problem {row['problem_id']!r}, sample {row['sample']}: no verdict; run the verify stage again"
            )
        by_problem.setdefault(row["problem_id"], []).append(row)
    groups = []
    for problem_id, rows in by_problem.items():
        rows.sort(key=lambda row: row["sample"])
        if [row["sample"] for row in rows] != list(range(group_size)):
            raise MtpipeError(
                f"problem {problem_id!r} has samples {[row['sample'] for row in rows]}; expected 0 to {group_size - 1}"
            )
        groups.append(Group(problem_id, rows, [rewards[problem_id, row["sample"]] for row in rows]))
    return groups
