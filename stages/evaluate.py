"""Stage evaluate: a run's judged responses to every held-out benchmark, after a number of rounds."""

from typing import Annotated

from mtpipe import paths
from mtpipe.evaluate.responses import evaluate as evaluate_policy
from mtpipe.progress import tell
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
    *,
    task: Annotated[str, "task.name"],
    evaluate: PolicyEvaluation,
    judging: Annotated[Judging, "reward.judging"],
    sampling: EngineSettings,
    compute: Compute,
    ray: Ray,
) -> None:
    """Evaluates one run's policy."""
    engine = open_engine(paths.policy(arm, seed, after), sampling, compute, ray)
    target = paths.evaluation(arm, seed, after)
    shares = evaluate_policy(engine, evaluate, judging, sampling.batch_size, target, f"evaluate {arm}")
    tell("eval", shares, after)


if __name__ == "__main__":
    run_stage(main)
