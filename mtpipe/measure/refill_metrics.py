"""What became of the groups that a refilled round drew."""

from typing import Any

from mtpipe.differing import differ, kept_groups
from mtpipe.measure.group_outcomes import count_outcomes
from mtpipe.records import Rollout
from mtpipe.settings.sampling import RoundSize


def refill_metrics(rollouts: list[Rollout], verdicts: list[dict[str, Any]], size: RoundSize) -> dict[str, int]:
    """Counts of the groups that were drawn, and of the tokens that the update does not learn from.

    `groups_drawn` is the sum of the five counts after it: `groups_kept`, whose rewards differ; `groups_surplus`, which
    differ too and came after `size.prompts` of them were there; and groups whose rewards do not differ, by their
    verdicts: all right, all wrong, or mixed (as where cut responses teach nothing). `tokens_discarded` are those of all
    groups but the kept ones. `refill_ended` is 1 where `at_most` ended the round before enough groups differed, else 0.

    Args:
        rollouts: in the order of the problems.
    """
    rows = {(row["problem_id"], row["sample"]): row for row in verdicts}
    groups: dict[str, list[dict[str, Any]]] = {}
    tokens: dict[str, int] = {}
    for rollout in rollouts:
        groups.setdefault(rollout.problem_id, []).append(rows[rollout.problem_id, rollout.sample])
        tokens[rollout.problem_id] = tokens.get(rollout.problem_id, 0) + len(rollout.response_ids)
    names = list(groups)
    differing = [
        differ([row["reward"] for row in group], [row["masked"] for row in group]) for group in groups.values()
    ]
    kept = [names[place] for place in kept_groups(differing, size.prompts) if differing[place]]
    uniform = count_outcomes(
        [row["verdict"] == "correct" for row in group]
        for group, varied in zip(groups.values(), differing, strict=True)
        if not varied
    )
    return {
        "groups_drawn": len(groups),
        "groups_kept": len(kept),
        "groups_surplus": sum(differing) - len(kept),
        "groups_uniform_right": uniform["right"],
        "groups_uniform_wrong": uniform["wrong"],
        "groups_uniform_mixed": uniform["mixed"],
        "tokens_discarded": sum(tokens.values()) - sum(tokens[name] for name in kept),
        "refill_ended": int(len(kept) < size.prompts),
    }
