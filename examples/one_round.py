"""One round of the algorithm on one page, without DVC: `python examples/one_round.py`.

    problems -> temperatures -> groups of responses -> verdicts -> rewards -> advantages -> one optimizer step

It is the `token` arm of the default study, small: tokens of high entropy are sampled at 1.2, the others at 1.0. It
begins with the policy in the folder that is its argument, for example data/warm_start/policy after `make repro`.
Without one it trains a warm start first, because a policy that knows nothing gets no reward to learn from.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from mtpipe.learn.batching.groups import RolloutGroup, join_groups
from mtpipe.learn.batching.steps import OptimizerStep, optimizer_steps
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.update import update_policy
from mtpipe.learn.warm_start import place_checkpoint, warm_start
from mtpipe.model.policy import load_policy, prepare_torch, save_policy
from mtpipe.params import Params
from mtpipe.progress import progress_bar
from mtpipe.records import Rollout
from mtpipe.sampling.opening import open_engine
from mtpipe.sampling.rounds import calibration_entropies, draw_problems, sample_round
from mtpipe.tasks.judging import judge_responses
from mtpipe.tasks.prepare import prepare
from mtpipe.tasks.rewards import reward_round
from mtpipe.temperature.entropy_table import write_entropy_table
from mtpipe.temperature.planning import plan_round
from mtpipe.temperature.round_plan import RoundTemperatures

ARM, SEED, ROUND = "token", 1, 0
PARAMS = Params.model_validate(
    {
        "task": {"name": "arithmetic", "warm_start_problems": 20000, "train_problems": 400, "benchmark_problems": 20},
        "compute": {"threads": 1},
        "warm_start": {"steps": 700, "batch_size": 96},
        "sampling": {"prompts": 32},
        "update": {"prompts_per_step": 32, "warmup_steps": 0, "learning_rate": 1e-3},
    }
)


def one_round(folder: Path, problems: list[dict[str, Any]]) -> tuple[list[RolloutGroup], OptimizerStep, dict[str, Any]]:
    """The round's groups, what they teach, and what the optimizer step measured."""
    # 1. Temperatures: planned for each response of a group; quantiles of entropy become nats by the policy's own table.
    plan = plan_round(ARM, PARAMS.temperature[ARM], ROUND, PARAMS.sampling.group_size)
    temperatures = RoundTemperatures(plan, folder)
    # 2. Rollouts: each token is drawn at its own temperature, which is recorded with its log-prob and its entropy.
    with open_engine(folder, PARAMS.sampling, PARAMS.compute, PARAMS.ray) as engine:
        sampled = list(sample_round(engine, problems, temperatures, SEED, ROUND, PARAMS.sampling))
        rollouts = [replace(each, text=engine.vocabulary.decode(each.response_ids)) for each in sampled]
    # 3. Verdicts and rewards: the answer is checked by rules.
    responses = [vars(rollout) for rollout in rollouts]
    judged = judge_responses(problems, responses, PARAMS.reward.judging)
    verdicts = reward_round(problems, responses, judged, PARAMS.reward, PARAMS.sampling.max_new_tokens)
    # 4. Advantages: each reward less its group's mean, over its spread. Groups that agree teach nothing.
    groups = join_groups(rollouts, verdicts, PARAMS.sampling.group_size)
    [step] = optimizer_steps(groups, PARAMS.update, PARAMS.sampling.max_new_tokens)
    # 5. One step: tokens are scored at the temperatures they were sampled at; ratios are clipped.
    learner = Learner.of(load_policy(folder), PARAMS.update)
    [metrics] = update_policy(learner, [step], progress_bar(len(groups), "update", "groups", shown=False))
    return groups, step, metrics


def new_policy(folder: Path, train: list[dict[str, Any]], examples: list[dict[str, str]]) -> None:
    """A warm start, with the entropies of its tokens."""
    place_checkpoint(folder.with_name("new"), PARAMS.model, **vars(PARAMS.task.vocabulary))
    policy = load_policy(folder.with_name("new"), prepare_torch(PARAMS.compute))
    with progress_bar(PARAMS.warm_start.steps, "warm start", "steps") as bar:
        warm_start(policy, examples, PARAMS.warm_start, SEED, bar)
    save_policy(policy, folder, tokenizer_from=folder.with_name("new"))
    with open_engine(folder, PARAMS.sampling, PARAMS.compute, PARAMS.ray) as engine:
        write_entropy_table(folder, calibration_entropies(engine, train, 256, PARAMS.sampling))


def shown(rollout: Rollout) -> str:
    """A response with a caret behind each token that was sampled hot (here a token is a character)."""
    return "".join(f"{c}^" if t > 1.0 else c for c, t in zip(rollout.text, rollout.temperatures, strict=False))


if __name__ == "__main__":
    data = prepare(PARAMS.task, None)
    with tempfile.TemporaryDirectory() as place:
        start = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(place) / "policy"
        if len(sys.argv) == 1:
            new_policy(start, data.train, data.examples)
        groups, step, metrics = one_round(start, draw_problems(data.train, SEED, ROUND, PARAMS.sampling.prompts))
    group = next(group for group in groups if len(set(group.rewards)) > 1)
    advantages = {id(sample.rollout): sample.advantage for sample in step.responses}
    print(f"One group, problem {group.problem_id}; ^ marks tokens that were sampled at 1.2:")
    for rollout, reward in zip(group.rollouts, group.rewards, strict=True):
        print(f"  reward {reward:g}, advantage {advantages[id(rollout)]:+.2f}:  {shown(rollout)}")
    left_out = int(step.described["groups_dropped"])
    print(f"{len(groups)} groups, mean reward {step.described['reward']:.2f}; {left_out} with equal rewards left out.")
    print(", ".join(f"{name} {value:.4g}" for name, value in metrics.items() if isinstance(value, float)))
