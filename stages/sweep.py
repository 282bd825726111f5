"""Stage sweep: a run's last policy evaluated once more, at another temperature."""

from typing import Annotated

from mtpipe import paths
from mtpipe.evaluate.responses import evaluate as evaluate_policy
from mtpipe.run.stage import run_stage
from mtpipe.sampling.opening import open_engine
from mtpipe.settings.evaluate import PolicyEvaluation
from mtpipe.settings.model import Compute
from mtpipe.settings.reward import Judging
from mtpipe.settings.sampling import EngineSettings, Ray


def main(
    arm: str,
    seed: int,
    after: int,
    temperature: str,
    *,
    task: Annotated[str, "task.name"],
    evaluate: PolicyEvaluation,
    judging: Annotated[Judging, "reward.judging"],
    sampling: EngineSettings,
    compute: Compute,
    ray: Ray,
) -> None:
    """Evaluates one run's policy at one temperature of evaluate.sweep."""
    engine = open_engine(paths.policy(arm, seed, after), sampling, compute, ray)
    target, what = paths.sweep(arm, seed, after, temperature), f"evaluate {arm} at T={temperature}"
    evaluate_policy(engine, evaluate, judging, sampling.batch_size, target, what, float(temperature))


if __name__ == "__main__":
    run_stage(main)
