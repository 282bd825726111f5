"""Where each stage's files are, relative to the project's root; the same paths stand in dvc.yaml."""

from pathlib import Path

DATA = Path("data")
PROBLEMS = DATA / "problems"
TRAIN = PROBLEMS / "train.parquet"
WARM_START_EXAMPLES = PROBLEMS / "warm_start.parquet"
WARM_START = DATA / "warm_start"
PLAN = DATA / "plan"
METRICS = DATA / "metrics"
SAMPLES = DATA / "samples"
EVALUATION = DATA / "evaluation"
CLOCK = DATA / "clock"
LOCKS = DATA / "locks"
REPORT = Path("report")
MLFLOW = Path("mlflow")


def benchmark(name: str) -> Path:
    """A held-out benchmark's problems."""
    return PROBLEMS / f"{name}.parquet"


def round_plan(arm: str, round: int) -> Path:
    """The resolved temperatures of one round of one arm."""
    return PLAN / arm / f"round{round}.json"


def round_folder(arm: str, seed: int, round: int) -> Path:
    """Everything that belongs to one round of one run."""
    return DATA / "runs" / arm / f"seed{seed}" / f"round{round}"


def policy(arm: str, seed: int, round: int) -> Path:
    """The policy that round `round` samples from; the update of that round writes the next round's."""
    return round_folder(arm, seed, round) / "policy"


def rollouts(arm: str, seed: int, round: int) -> Path:
    return round_folder(arm, seed, round) / "rollouts.parquet"


def verdicts(arm: str, seed: int, round: int) -> Path:
    return round_folder(arm, seed, round) / "verdicts.parquet"


def update_work(arm: str, seed: int, round: int) -> Path:
    """The last step of an update that has not ended; untracked."""
    return DATA / "work" / f"update-{arm}-seed{seed}-round{round}"


def update_metrics(arm: str, seed: int, round: int) -> Path:
    """What the update of one round reports; apart from the heavy files, for the report and MLflow to read."""
    return METRICS / arm / f"seed{seed}" / f"round{round}.json"


def samples(arm: str, seed: int, round: int) -> Path:
    """A round's first judged responses as text."""
    return SAMPLES / arm / f"seed{seed}" / f"round{round}.jsonl"


def evaluation(arm: str, seed: int, after: int) -> Path:
    """The judged benchmark responses of the policy that stands after `after` rounds."""
    return EVALUATION / arm / f"seed{seed}" / f"after{after}.parquet"


WARM_START_EVALUATION = EVALUATION / "warm_start.parquet"
