"""Stage rollout: one round's responses, sampled from the round's policy at the planned temperatures."""

from typing import Annotated

from mtpipe import paths
from mtpipe.progress import show_tokens, tell, token_bar
from mtpipe.records import PROBLEMS, SampledRound, read_rows, write_rollouts
from mtpipe.run.stage import run_stage
from mtpipe.sampling.opening import open_engine
from mtpipe.sampling.refill import judge_of, sample_refilled
from mtpipe.sampling.rounds import draw_problems
from mtpipe.sampling.set_controller import set_controller
from mtpipe.settings.model import Compute
from mtpipe.settings.reward import RefillJudge
from mtpipe.settings.sampling import Ray, Sampling
from mtpipe.temperature.round_plan import RoundPlan, RoundTemperatures


def main(
    arm: str,
    seed: int,
    round: int,
    *,
    sampling: Sampling,
    compute: Compute,
    ray: Ray,
    refill: Annotated[RefillJudge | None, "refill_judge"],
) -> None:
    """Samples one round of one run."""
    folder, plan = paths.policy(arm, seed, round), RoundPlan.read(paths.round_plan(arm, round))
    problems = draw_problems(read_rows(paths.TRAIN, PROBLEMS), seed, round, sampling.most_prompts)
    judge = judge_of(refill, sampling.max_new_tokens) if refill else None
    rollouts, tokens, first = [], 0, sampling.prompts * sampling.group_size
    bar = token_bar(first, f"rollout {arm} round {round}")
    with open_engine(folder, sampling, compute, ray) as engine, bar:
        control = set_controller(engine, problems[: sampling.prompts], plan, folder, seed, sampling)
        temperatures = RoundTemperatures(plan.at(control), folder)
        for rollout in sample_refilled(engine, problems, temperatures, seed, round, sampling, judge):
            rollouts.append(rollout)
            tokens += len(rollout.response_ids)
            show_tokens(bar, tokens)
            if bar.update() or len(rollouts) == first:
                tell("rollout", {"tokens": tokens}, round * len(problems) * sampling.group_size + len(rollouts))
    order = {problem["problem_id"]: index for index, problem in enumerate(problems)}
    rollouts.sort(key=lambda rollout: (order[rollout.problem_id], rollout.sample))
    write_rollouts(paths.rollouts(arm, seed, round), rollouts, SampledRound(control, temperatures.threshold()))


if __name__ == "__main__":
    run_stage(main)
