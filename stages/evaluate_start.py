"""Stage evaluate_start: the warm start's judged responses to every held-out benchmark, once for all arms."""

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
    *,
    task: Annotated[str, "task.name"],
    evaluate: PolicyEvaluation,
    judging: Annotated[Judging, "reward.judging"],
    sampling: EngineSettings,
    compute: Compute,
    ray: Ray,
) -> None:
    """Evaluates the warm start."""
    engine = open_engine(paths.WARM_START / "policy", sampling, compute, ray)
    evaluate_policy(engine, evaluate, judging, sampling.batch_size, paths.WARM_START_EVALUATION, "evaluate warm start")


if __name__ == "__main__":
    run_stage(main)
