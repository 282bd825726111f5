"""Stage update: one round's policy update. It writes the next round's policy, and what its optimizer steps measured."""

from functools import partial

from mtpipe import paths
from mtpipe.files import read_json, write_json
from mtpipe.learn.batching.groups import join_groups
from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.learn.distributed import processes
from mtpipe.learn.round import next_control, round_inputs, write_next_policy
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.state.resume import ResumePoint
from mtpipe.learn.update import update_policy
from mtpipe.model.policy import prepare_torch
from mtpipe.params import load_params
from mtpipe.progress import progress_bar
from mtpipe.records import VERDICTS, read_rollouts, read_rows
from mtpipe.run.stage import run_stage
from mtpipe.settings.update import Update
from mtpipe.tracking.live import live_log


def main(arm: str, seed: int, round: int) -> None:
    """Updates one run's policy from one round's rewarded responses."""
    params, settings = load_params(), Update.model_validate(read_json(paths.arm_update(arm)))
    if processes.start_all(settings.processes, "stages.update", arm=arm, seed=seed, round=round):
        return
    device, run = prepare_torch(params.compute), (arm, seed, round)
    with processes.joined(settings.processes, device.type) as ranks:
        rollouts, verdicts = read_rollouts(paths.rollouts(*run)), read_rows(paths.verdicts(*run), VERDICTS)
        groups = join_groups(rollouts, verdicts, params.sampling.group_size)
        learner = Learner.load(paths.policy(*run), settings, device, paths.WARM_START / "policy", ranks)
        control = next_control(*run, learner, groups)
        steps = optimizer_steps(groups, settings, params.sampling.max_new_tokens)
        resume_point = ResumePoint(paths.resume_point(*run), partial(round_inputs, *run, params), paths.policy(*run))
        before = learner.optimizer.step_count
        with (
            progress_bar(len(groups), f"update {arm} round {round}", "groups", ranks.first) as bar,
            live_log(params, arm, seed, ranks.first) as log,
        ):
            metrics = update_policy(
                learner, steps, bar, resume_point, lambda step, values: log("step", values, before + step)
            )
        if write_next_policy(*run, learner, metrics, rollouts, control):
            write_json(paths.steps(*run), {"steps_before": before, "steps": metrics})
            resume_point.remove()


if __name__ == "__main__":
    run_stage(main, arm=str, seed=int, round=int)
