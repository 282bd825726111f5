"""Stage sweep: a run's last policy evaluated once more, at another temperature."""

from mtpipe import paths
from mtpipe.evaluate.responses import evaluate
from mtpipe.params import load_params
from mtpipe.run.stage import run_stage


def main(arm: str, seed: int, after: int, temperature: str) -> None:
    """Evaluates one run's policy at one temperature of evaluate.sweep."""
    target = paths.sweep(arm, seed, after, temperature)
    what = f"evaluate {arm} at T={temperature}"
    evaluate(load_params(), paths.policy(arm, seed, after), target, what, float(temperature))


if __name__ == "__main__":
    run_stage(main, arm=str, seed=int, after=int, temperature=str)
