"""What ties a round's update to the rounds before and after it: the controller, the resume point, the next policy."""

import sys
from functools import partial
from typing import Any

from mtpipe import paths
from mtpipe.files import atomic, read_json
from mtpipe.learn.after_round import after_round
from mtpipe.learn.batching.groups import RolloutGroup, join_groups
from mtpipe.learn.losses.entropy_bonus import write_coefficient
from mtpipe.learn.state.checkpoint import checkpoint
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.state.resume import ResumePoint, fingerprint
from mtpipe.learn.update import coefficient_after
from mtpipe.records import VERDICTS, Rollout, read_rollouts, read_rows, read_sampled_round
from mtpipe.settings.update import Update
from mtpipe.temperature.controllers.controller import State
from mtpipe.temperature.controllers.state import state_after, write_state
from mtpipe.temperature.entropy_table import write_entropy_table
from mtpipe.temperature.round_plan import RoundPlan


def read_groups(arm: str, seed: int, round: int, group_size: int) -> tuple[list[Rollout], list[RolloutGroup]]:
    """A round's rollouts, and the same in groups with their rewards."""
    run = (arm, seed, round)
    rollouts = read_rollouts(paths.rollouts(*run))
    return rollouts, join_groups(rollouts, read_rows(paths.verdicts(*run), VERDICTS), group_size)


def next_control(arm: str, seed: int, round: int, learner: Learner, groups: list[RolloutGroup]) -> State:
    """The state that the arm's controller leaves to the next round; empty if it has none.

    It is computed before the first step: the controller sees the policy that sampled the round.
    """
    control = read_sampled_round(paths.rollouts(arm, seed, round)).controller
    controller = RoundPlan.read(paths.round_plan(arm, round)).controller
    if controller is None:
        return control
    return state_after(controller, control, after_round(groups, learner.scorer, learner.settings))


def update_settings(arm: str) -> Update:
    """An arm's settings of the update, from its plan, which also has the code of a loss of one's own."""
    planned = read_json(paths.arm_update(arm))
    return Update.model_validate({key: value for key, value in planned.items() if key != "sources"})


def resume_point(arm: str, seed: int, round: int) -> ResumePoint:
    """Where a killed update of this round is taken up, by an update that depends on the same files."""
    run = (arm, seed, round)
    inputs = [
        paths.policy(*run),
        paths.optimizer(*run),
        paths.rollouts(*run),
        paths.verdicts(*run),
        paths.WARM_START / "policy",
    ]
    inputs += [paths.arm_update(arm), paths.round_plan(arm, round), paths.stage_plan("update")]
    return ResumePoint(paths.resume_point(*run), partial(fingerprint, inputs), paths.policy(*run))


def write_next_policy(
    arm: str,
    seed: int,
    round: int,
    learner: Learner,
    metrics: list[dict[str, float]],
    rollouts: list[Rollout],
    control: State,
) -> bool:
    """Writes the next round's policy and the optimizer's state; False in a process that does not write.

    Processes that share the update call this together.
    """
    saved = checkpoint(learner)
    if saved is None:
        return False
    if not any("loss" in step for step in metrics):
        groups = len({rollout.problem_id for rollout in rollouts})
        print(
            f"update {arm} round {round}: in none of the {groups} groups do rewards differ, so there was nothing to "
            f"learn; the weights stay as they are",
            file=sys.stderr,
        )
    with atomic(paths.policy(arm, seed, round + 1)) as target:
        saved.write(target, tokenizer_from=paths.policy(arm, seed, round))
        write_entropy_table(target, [entropy for rollout in rollouts for entropy in rollout.entropies])
        if learner.settings.entropy_bonus:
            write_coefficient(target, coefficient_after(metrics, learner.settings, learner.coefficient))
        if control:
            write_state(target, control)
    with atomic(paths.optimizer(arm, seed, round + 1)) as file:
        saved.write_state(file)
    return True


def measured_steps(before: int, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    """What is kept of a round's optimizer steps: their metrics, and apart from these the table of one of them.

    Args:
        before: how many steps earlier rounds took.
    """
    plain = [{key: value for key, value in step.items() if key != "mismatch"} for step in metrics]
    mismatch = [row for step in metrics for row in step.get("mismatch", [])]
    return {"steps_before": before, "steps": plain, "mismatch": mismatch}
