"""What ties a round's update to the rounds before and after it: the controller, the resume point, the next policy."""

import sys
from pathlib import Path

import mtpipe.learn
from mtpipe import paths
from mtpipe.files import atomic
from mtpipe.learn.after_round import after_round
from mtpipe.learn.batching.groups import RolloutGroup
from mtpipe.learn.losses.entropy_bonus import write_coefficient
from mtpipe.learn.state.checkpoint import checkpoint
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.state.resume import fingerprint
from mtpipe.learn.update import coefficient_after
from mtpipe.records import Rollout, read_sampled_round
from mtpipe.settings.model import Compute
from mtpipe.temperature.controllers.controller import State
from mtpipe.temperature.controllers.state import write_state
from mtpipe.temperature.entropy_table import write_entropy_table
from mtpipe.temperature.round_plan import RoundPlan


def next_control(arm: str, seed: int, round: int, learner: Learner, groups: list[RolloutGroup]) -> State:
    """The state that the arm's controller leaves to the next round; empty if it has none.

    It is computed before the first step: the controller sees the policy that sampled the round.
    """
    control = read_sampled_round(paths.rollouts(arm, seed, round)).controller
    controller = RoundPlan.read(paths.round_plan(arm, round)).controller
    if controller is None:
        return control
    return controller.after(control, after_round(groups, learner.scorer, learner.settings))


def round_inputs(arm: str, seed: int, round: int, compute: Compute, max_new_tokens: int) -> str:
    """A digest of all that the update's result depends on: its resume point belongs to that alone."""
    run = (arm, seed, round)
    inputs = [paths.policy(*run), paths.rollouts(*run), paths.verdicts(*run), paths.WARM_START / "policy"]
    inputs += [paths.arm_update(arm), paths.round_plan(arm, round)]
    inputs += sorted(Path(mtpipe.learn.__file__).parent.rglob("*.py"))
    return fingerprint(inputs, [compute.model_dump(), max_new_tokens])


def write_next_policy(
    arm: str,
    seed: int,
    round: int,
    learner: Learner,
    metrics: list[dict[str, float]],
    rollouts: list[Rollout],
    control: State,
) -> bool:
    """Writes the next round's policy with the state that travels with it; False in a process that does not write.

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
    return True
