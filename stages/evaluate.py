"""Stage evaluate: a run's judged responses to every held-out benchmark, after a number of rounds."""

from mtpipe import paths
from mtpipe.evaluate.responses import evaluate
from mtpipe.params import load_params
from mtpipe.run.stage import run_stage


def main(arm: str, seed: int, after: int) -> None:
    """Evaluates one run's policy."""
    evaluate(load_params(), paths.policy(arm, seed, after), paths.evaluation(arm, seed, after), f"evaluate {arm}")


if __name__ == "__main__":
    run_stage(main, arm=str, seed=int, after=int)
