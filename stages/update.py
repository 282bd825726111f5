"""Stage update: one round's policy update. It writes the next round's policy, and what its optimizer steps measured."""

from mtpipe import paths
from mtpipe.files import write_json
from mtpipe.learn.batching.groups import keep_groups
from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.learn.distributed import processes
from mtpipe.learn.round import (
    measured_steps,
    next_control,
    read_groups,
    resume_point,
    update_settings,
    write_next_policy,
)
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.update import update_policy
from mtpipe.model.policy import prepare_torch
from mtpipe.progress import progress_bar, tell
from mtpipe.pruned import refuse_to_make_again
from mtpipe.run.stage import run_stage
from mtpipe.sampling.resident.device_turns import device_alone
from mtpipe.settings.model import Compute
from mtpipe.settings.sampling import RoundSize


def main(arm: str, seed: int, round: int, *, compute: Compute, sampling: RoundSize) -> None:
    """Updates one run's policy from one round's rewarded responses."""
    with device_alone():
        refuse_to_make_again([paths.policy(arm, seed, round + 1), paths.optimizer(arm, seed, round + 1)])
        settings = update_settings(arm)
        if processes.start_all(settings.processes, "stages.update", arm=arm, seed=seed, round=round):
            return
        device, run, start = prepare_torch(compute), (arm, seed, round), paths.WARM_START / "policy"
        with processes.joined(settings.processes, device.type) as ranks:
            rollouts, groups = read_groups(*run, sampling.group_size)
            learner = Learner.load(paths.policy(*run), settings, device, start, ranks, paths.optimizer(*run))
            control = next_control(*run, learner, groups)
            kept = keep_groups(groups, sampling.prompts)
            steps, resume = optimizer_steps(kept, settings, sampling.max_new_tokens), resume_point(*run)
            before = learner.optimizer.step_count
            with progress_bar(len(kept), f"update {arm} round {round}", "groups", ranks.first) as bar:
                metrics = update_policy(learner, steps, bar, resume, lambda n, found: tell("step", found, before + n))
            if write_next_policy(*run, learner, metrics, rollouts, control):
                write_json(paths.steps(*run), measured_steps(before, metrics))
                resume.remove()


if __name__ == "__main__":
    run_stage(main)
