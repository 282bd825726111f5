"""Stage evaluate_start: the warm start's judged responses to every held-out benchmark, once for all arms."""

from mtpipe import paths
from mtpipe.evaluate.responses import evaluate
from mtpipe.params import load_params
from mtpipe.run.stage import run_stage


def main() -> None:
    """Evaluates the warm start."""
    evaluate(load_params(), paths.WARM_START / "policy", paths.WARM_START_EVALUATION, "evaluate warm start")


if __name__ == "__main__":
    run_stage(main)
