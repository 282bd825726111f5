"""Whether an adapter learns the default task as well as all weights do: five rounds each, paired by the seed.

Every trial starts from one warm start, that of data/warm_start/policy where `dvc repro` has made it, and meets the same
problems and random numbers with the same seed. The score is avg@4 over the benchmark `same` after the last round.
Adapters are compared with all weights at the rate at which these did best, by a t-interval over seeds; that choice,
made with the same scores, favours all weights.

`python -m benchmarks.lora SEEDS NAME …` runs those trials alone whose names begin so, with seeds 1 to SEEDS.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from mtpipe import paths
from mtpipe.learn.batching.groups import join_groups
from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.learn.state.checkpoint import checkpoint
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.update import update_policy
from mtpipe.learn.warm_start import place_checkpoint, warm_start
from mtpipe.model.adapter_policy import new_adapter
from mtpipe.model.policy import load_policy, prepare_torch, save_policy
from mtpipe.params import Params
from mtpipe.progress import progress_bar
from mtpipe.sampling.opening import open_engine
from mtpipe.sampling.rounds import draw_problems, sample_evaluation, sample_round
from mtpipe.settings.model import Lora
from mtpipe.tasks.judging import judge_responses
from mtpipe.tasks.prepare import prepare
from mtpipe.tasks.rewards import reward_round
from mtpipe.temperature.planning import plan_round
from mtpipe.temperature.round_plan import RoundTemperatures

PARAMS = Params()
ARM, ROUNDS = "uniform", 5
TRIALS: list[tuple[str, Lora | None, float]] = [
    ("all weights, 3e-4", None, 3e-4),
    ("all weights, 1e-3", None, 1e-3),
    ("all weights, 3e-3", None, 3e-3),
    ("rank 8, 3e-3", Lora(rank=8), 3e-3),
    ("rank 8, 6e-3", Lora(rank=8), 6e-3),
    ("rank 16, 3e-3", Lora(rank=16), 3e-3),
    ("rank 8, 3e-4", Lora(rank=8), 3e-4),
]


def main(seeds: int = 6, names: tuple[str, ...] = ("",)) -> None:
    prepared = prepare(PARAMS.task, None)
    with tempfile.TemporaryDirectory() as parent:
        start = paths.WARM_START / "policy"
        if not start.is_dir():
            start = _warm_start(Path(parent), prepared.examples)
        held_out = prepared.benchmarks["same"]
        print(f"warm start: {_score(start, held_out):.3f}", flush=True)
        full: list[np.ndarray] = []
        for name, lora, rate in TRIALS:
            if not name.startswith(names):
                continue
            found = []
            for seed in range(1, seeds + 1):
                folder = Path(parent) / name / str(seed)
                found.append(_score(_trained(start, folder, prepared.train, lora, rate, seed), held_out))
                print(f"{name:18} seed {seed} {found[-1]:.3f}", file=sys.stderr, flush=True)
            scores = np.array(found)
            print(f"{name:18} {' '.join(f'{score:.3f}' for score in scores)}  mean {scores.mean():.3f}", end="")
            if lora is None:
                full.append(scores)
            elif full:
                print(_difference(scores - max(full, key=np.mean)), end="")
            print(flush=True)


def _difference(paired: np.ndarray) -> str:
    reach = student.ppf(0.975, len(paired) - 1) * paired.std(ddof=1) / len(paired) ** 0.5
    mean = paired.mean()
    return f", less all weights at their best {mean:+.3f} [{mean - reach:+.3f}, {mean + reach:+.3f}]"


def _trained(
    start: Path, folder: Path, problems: list[dict[str, Any]], lora: Lora | None, rate: float, seed: int
) -> Path:
    """The policy after the last round."""
    state: Path | None = None
    policy, settings = start, PARAMS.update_of(ARM).model_copy(update={"learning_rate": rate})
    if lora is not None:
        policy = folder / "round0"
        new_adapter(start, policy, lora, PARAMS.model.seed)
    for round in range(ROUNDS):
        drawn = draw_problems(problems, seed, round, PARAMS.sampling.prompts)
        plan = plan_round(ARM, PARAMS.temperature[ARM], round, PARAMS.sampling.group_size)
        with open_engine(policy, PARAMS.sampling, PARAMS.compute, PARAMS.ray) as engine:
            sampled = sample_round(engine, drawn, RoundTemperatures(plan, policy), seed, round, PARAMS.sampling)
            rollouts = [_with_text(engine, rollout) for rollout in sampled]
        responses = [vars(rollout) for rollout in rollouts]
        judged = judge_responses(drawn, responses, PARAMS.reward.judging)
        verdicts = reward_round(drawn, responses, judged, PARAMS.reward, PARAMS.sampling.max_new_tokens)
        groups = join_groups(rollouts, verdicts, PARAMS.sampling.group_size)
        learner = Learner.load(policy, settings, prepare_torch(PARAMS.compute), start, state=state)
        steps = optimizer_steps(groups, settings, PARAMS.sampling.max_new_tokens)
        update_policy(learner, steps, progress_bar(len(groups), "update", "groups", shown=False))
        following = folder / f"round{round + 1}"
        written = checkpoint(learner)
        assert written
        state = folder / f"optimizer{round + 1}"
        written.write(following, tokenizer_from=policy)
        written.write_state(state)
        policy = following
    return policy


def _with_text(engine: Any, rollout: Any) -> Any:
    rollout.text = engine.vocabulary.decode(rollout.response_ids)
    return rollout


def _score(policy: Path, problems: list[dict[str, Any]]) -> float:
    settings = PARAMS.evaluate.of("same")
    with open_engine(policy, PARAMS.sampling, PARAMS.compute, PARAMS.ray) as engine:
        sampled = sample_evaluation(engine, problems, settings, PARAMS.evaluate.seed, PARAMS.sampling.batch_size)
        responses = [vars(_with_text(engine, rollout)) for rollout in sampled]
    judged = judge_responses(problems, responses, PARAMS.reward.judging)
    verdicts = reward_round(problems, responses, judged, PARAMS.reward, settings.max_new_tokens)
    return float(np.mean([verdict["reward"] for verdict in verdicts]))


def _warm_start(parent: Path, examples: list[dict[str, str]]) -> Path:
    place_checkpoint(parent / "new", PARAMS.model, **vars(PARAMS.task.vocabulary))
    policy = load_policy(parent / "new", prepare_torch(PARAMS.compute))
    with progress_bar(PARAMS.warm_start.steps, "warm start", "steps") as bar:
        warm_start(policy, examples, PARAMS.warm_start, PARAMS.model.seed, bar)
    save_policy(policy, parent / "warm", tokenizer_from=parent / "new")
    return parent / "warm"


if __name__ == "__main__":
    main(int(sys.argv[1]), tuple(sys.argv[2:]) or ("",))
