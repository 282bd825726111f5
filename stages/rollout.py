"""Stage rollout: one round's responses, sampled from the round's policy at the planned temperatures."""

from dataclasses import replace

from mtpipe import paths
from mtpipe.progress import progress_bar, tell
from mtpipe.records import PROBLEMS, SampledRound, read_rows, write_rollouts
from mtpipe.run.stage import run_stage
from mtpipe.sampling.opening import open_engine
from mtpipe.sampling.rounds import draw_problems, sample_round
from mtpipe.sampling.set_controller import set_controller
from mtpipe.settings.model import Compute
from mtpipe.settings.sampling import Ray, Sampling
from mtpipe.temperature.round_plan import RoundPlan, RoundTemperatures


def main(arm: str, seed: int, round: int, *, sampling: Sampling, compute: Compute, ray: Ray) -> None:
    """Samples one round of one run."""
    folder = paths.policy(arm, seed, round)
    plan = RoundPlan.read(paths.round_plan(arm, round))
    problems = draw_problems(read_rows(paths.TRAIN, PROBLEMS), seed, round, sampling.prompts)

    rollouts = []
    total, tokens = len(problems) * sampling.group_size, 0
    with (
        open_engine(folder, sampling, compute, ray) as engine,
        progress_bar(total, f"rollout {arm} round {round}", "responses") as bar,
    ):
        control = set_controller(engine, problems, plan, folder, seed, sampling)
        temperatures = RoundTemperatures(plan.at(control), folder)
        for rollout in sample_round(engine, problems, temperatures, seed, round, sampling):
            rollouts.append(replace(rollout, text=engine.vocabulary.decode(rollout.response_ids)))
            tokens += len(rollout.response_ids)
            if bar.update() or len(rollouts) == total:
                tell("rollout", {"tokens": tokens}, round * total + len(rollouts))
    order = {problem["problem_id"]: index for index, problem in enumerate(problems)}
    rollouts.sort(key=lambda rollout: (order[rollout.problem_id], rollout.sample))
    write_rollouts(paths.rollouts(arm, seed, round), rollouts, SampledRound(control, temperatures.threshold()))


if __name__ == "__main__":
    run_stage(main)
