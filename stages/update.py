"""Stage update: one round's policy update, and the entropies that the next round's threshold is taken from."""

import sys
from pathlib import Path

import torch

import mtpipe.learn
from mtpipe import paths
from mtpipe.files import atomic, read_json, write_json
from mtpipe.learn.after_round import after_round
from mtpipe.learn.batching.groups import join_groups
from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.learn.distributed import processes
from mtpipe.learn.distributed.ranks import Ranks
from mtpipe.learn.losses.entropy_bonus import read_coefficient, write_coefficient
from mtpipe.learn.scoring.scorer import Scorer
from mtpipe.learn.state.checkpoint import checkpoint
from mtpipe.learn.state.optimizer import Optimizer
from mtpipe.learn.state.resume import ResumePoint, fingerprint
from mtpipe.learn.update import coefficient_after, update_policy
from mtpipe.measure.round_metrics import entropy_histogram, round_metrics, temperature_profile
from mtpipe.measure.temperature_shares import temperature_shares
from mtpipe.model.policy import load_policy, prepare_torch
from mtpipe.params import Params, load_params
from mtpipe.progress import progress_bar
from mtpipe.records import ROLLOUTS, VERDICTS, read_controller, read_rows
from mtpipe.run.stage import run_stage
from mtpipe.settings.update import Update
from mtpipe.temperature.controllers.state import write_state
from mtpipe.temperature.entropy_table import write_entropy_table
from mtpipe.temperature.round_plan import RoundPlan, RoundTemperatures
from mtpipe.tracking.live import live_log


def main(arm: str, seed: int, round: int) -> None:
    """Updates one run's policy from one round's rewarded responses."""
    params = load_params()
    settings = Update.model_validate(read_json(paths.arm_update(arm)))
    count = settings.processes
    if count > 1 and not processes.started():
        processes.start(count, "stages.update", ["--arm", arm, "--seed", str(seed), "--round", str(round)])
        return
    device = prepare_torch(params.compute)
    with processes.joined(count, device.type) as ranks:
        _update(params, settings, arm, seed, round, device, ranks)


def _update(
    params: Params, settings: Update, arm: str, seed: int, round: int, device: torch.device, ranks: Ranks | None
) -> None:
    folder = paths.policy(arm, seed, round)
    policy = load_policy(folder, "cpu" if ranks else device)
    if ranks:
        ranks.divide(policy.model)
    plan = RoundPlan.read(paths.round_plan(arm, round))
    rollouts = read_rows(paths.rollouts(arm, seed, round), ROLLOUTS)
    verdicts = read_rows(paths.verdicts(arm, seed, round), VERDICTS)
    groups = join_groups(rollouts, verdicts, params.sampling.group_size)
    optimizer = Optimizer(
        policy.model,
        settings.learning_rate,
        settings.warmup_steps,
        settings.betas,
        settings.weight_decay,
        settings.max_grad_norm,
        settings.optimizer,
    )
    optimizer.load(folder)
    steps_before = optimizer.step_count

    inputs = [folder, paths.rollouts(arm, seed, round), paths.verdicts(arm, seed, round), paths.WARM_START / "policy"]
    inputs += sorted(Path(mtpipe.learn.__file__).parent.rglob("*.py"))
    shaping = [settings.model_dump(), params.compute.model_dump(), params.sampling.max_new_tokens]
    resume_point = ResumePoint(
        paths.resume_point(arm, seed, round), lambda: fingerprint(inputs, shaping), tokenizer_from=folder
    )
    reference = load_policy(paths.WARM_START / "policy", policy.device) if settings.kl_coefficient else None
    coefficient = read_coefficient(folder)
    control = read_controller(paths.rollouts(arm, seed, round))
    next_control = control
    if plan.controller is not None:
        scorer = ranks.scorer if ranks else Scorer(policy.model)
        next_control = plan.controller.after(control, after_round(groups, scorer, settings))
    planned = optimizer_steps(groups, settings, params.sampling.max_new_tokens)
    shown = ranks is None or ranks.first
    with (
        progress_bar(len(groups), f"update {arm} round {round}", "groups", shown) as bar,
        live_log(params, arm, seed, shown) as log,
    ):
        steps = update_policy(
            policy,
            optimizer,
            planned,
            settings,
            bar,
            reference,
            resume_point,
            ranks,
            coefficient,
            after_step=lambda step, metrics: log("step", metrics, steps_before + step),
        )
    saved = checkpoint(policy, optimizer, ranks)
    if saved is None:  # one of several processes, and not the one that writes
        return
    if not any("loss" in step for step in steps):
        print(
            f"update {arm} round {round}: in none of the {len(groups)} groups do rewards differ, so there was nothing "
            f"to learn; the weights stay as they are",
            file=sys.stderr,
        )

    entropies = [entropy for row in rollouts for entropy in row["entropies"]]
    with atomic(paths.policy(arm, seed, round + 1)) as target:
        saved.write(target, tokenizer_from=folder)
        write_entropy_table(target, entropies)
        if settings.entropy_bonus:
            write_coefficient(target, coefficient_after(steps, settings, coefficient))
        if next_control:
            write_state(target, next_control)
    controlled = {"controller_temperature": control["temperature"]} if control else {}
    write_json(
        paths.update_metrics(arm, seed, round),
        {
            "round": round_metrics(rollouts, verdicts, steps) | controlled,
            "steps": [{"step": steps_before + index + 1, **metrics} for index, metrics in enumerate(steps)],
            "temperatures": temperature_shares(groups),
            "profile": temperature_profile(rollouts),
            "entropy": entropy_histogram(rollouts, RoundTemperatures(plan.at(control), folder).threshold()),
        },
    )
    resume_point.remove()


if __name__ == "__main__":
    run_stage(main, arm=str, seed=int, round=int)
