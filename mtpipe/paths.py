"""Where each stage's files are, relative to the project's root; the same paths stand in dvc.yaml."""

from collections.abc import Iterator
from pathlib import Path

DATA = Path("data")
PROBLEMS = DATA / "problems"
TRAIN = PROBLEMS / "train.parquet"
WARM_START_EXAMPLES = PROBLEMS / "warm_start.parquet"
SOURCES = PROBLEMS / "sources.json"
DROPPED = PROBLEMS / "dropped.jsonl"
BENCHMARKS = DATA / "benchmarks"
WARM_START = DATA / "warm_start"
PLAN = DATA / "plan"
POLICIES = DATA / "policies"
OPTIMIZERS = DATA / "optimizers"
STAGES = DATA / "stages"
PLANNED_RUNS = STAGES / "runs.json"
METRICS = DATA / "metrics"
SAMPLES = DATA / "samples"
EVALUATION = DATA / "evaluation"
CLOCK = DATA / "clock"
LOCKS = DATA / "locks"
CHAINS = DATA / "chains"
ENGINES = DATA / "engines"
LIVE = DATA / "live"
CODE_CACHE = DATA / "code.json"
DIGESTS = DATA / "digests.json"
PRUNED = DATA / "pruned"
REPORT = Path("report")
VIEWERS = REPORT / "viewer"
MLFLOW = Path("mlflow")


def chain(name: str) -> Path:
    """What `python -m mtpipe run` keeps of a part of the study: its plan, lock entries, progress and log."""
    return CHAINS / name


def engine_log(slot: str, index: int) -> Path:
    """What a resident sampling engine of a slot has written to its standard streams since it started."""
    return ENGINES / (f"{slot}-{index}.log" if index else f"{slot}.log")


def stage_plan(stage: str) -> Path:
    """The settings and the code of one stage."""
    return STAGES / f"{stage}.json"


def benchmark(name: str) -> Path:
    """A held-out benchmark's problems."""
    return BENCHMARKS / f"{name}.parquet"


def round_plan(arm: str, round: int) -> Path:
    """The resolved temperatures of one round of one arm."""
    return PLAN / arm / f"round{round}.json"


def arm_update(arm: str) -> Path:
    """The settings of one arm's updates."""
    return PLAN / arm / "update.json"


def round_folder(arm: str, seed: int, round: int) -> Path:
    """What one round of one run leaves, but for the policy."""
    return DATA / "runs" / arm / f"seed{seed}" / f"round{round}"


def policy(arm: str, seed: int, round: int) -> Path:
    """The policy that round `round` samples from; the update of that round writes the next round's."""
    return POLICIES / arm / f"seed{seed}" / f"round{round}"


def optimizer(arm: str, seed: int, round: int) -> Path:
    """The optimizer's state that goes with a policy, which its round's update alone reads; no tensors for round 0."""
    return OPTIMIZERS / arm / f"seed{seed}" / f"round{round}.safetensors"


def pruned(output: Path) -> Path:
    """The mark in the place of a policy, or of an optimizer's state, that was removed to free disk; untracked."""
    return PRUNED / output.relative_to(DATA).with_suffix(".json")


def rollouts(arm: str, seed: int, round: int) -> Path:
    return round_folder(arm, seed, round) / "rollouts.parquet"


def verdicts(arm: str, seed: int, round: int) -> Path:
    return round_folder(arm, seed, round) / "verdicts.parquet"


def all_verdicts(arm: str, seed: int | str) -> Iterator[Path]:
    """The verdicts of a run's rounds that are there, in no particular order."""
    return (DATA / "runs" / arm / f"seed{seed}").glob("round*/verdicts.parquet")


def steps(arm: str, seed: int, round: int) -> Path:
    """What the update of one round reports of its optimizer steps."""
    return round_folder(arm, seed, round) / "steps.json"


def resume_point(arm: str, seed: int, round: int) -> Path:
    """The last step of an update that has not ended; untracked."""
    return DATA / "resume" / f"update-{arm}-seed{seed}-round{round}"


def metrics(arm: str, seed: int) -> Path:
    """What the rounds of one run measured."""
    return METRICS / arm / f"seed{seed}"


def round_metrics(arm: str, seed: int, round: int) -> Path:
    """What one round measured; apart from the heavy files, for the report and MLflow to read."""
    return metrics(arm, seed) / f"round{round}.json"


def samples(arm: str, seed: int, round: int) -> Path:
    """A round's first judged responses as text."""
    return SAMPLES / arm / f"seed{seed}" / f"round{round}.jsonl"


def evaluation(arm: str, seed: int, after: int) -> Path:
    """The judged benchmark responses of the policy that stands after `after` rounds."""
    return EVALUATION / arm / f"seed{seed}" / f"after{after}.parquet"


def sweep(arm: str, seed: int, after: int, temperature: float | str) -> Path:
    """The same at a temperature of evaluate.sweep, which the name has as DVC writes it: 0.6, 1.0, and 1 for 1."""
    return EVALUATION / arm / f"seed{seed}" / f"after{after}-temperature{temperature}.parquet"


def viewer(arm: str, seed: int, round: int) -> Path:
    """The page that shows a round's rollouts token by token; the stage `look` makes it for the last two rounds."""
    return VIEWERS / f"{arm}-seed{seed}-round{round}.html"


def evaluation_viewer(arm: str, seed: int, after: int) -> Path:
    """The page that shows an evaluation's responses; the stage `look` makes it for the first seed."""
    return VIEWERS / f"{arm}-seed{seed}-after{after}.html"


def problems_of(rollouts: Path) -> Path | None:
    """The problems that a run's rollouts answer; None for a file that is not a run's."""
    parts = rollouts.parts
    if len(parts) >= 5 and parts[-5] == "runs" and parts[-1] == "rollouts.parquet":
        return Path(*parts[:-5], "problems", "train.parquet")
    return None


def benchmark_of(evaluation: Path, name: str) -> Path:
    """A benchmark's problems beside an evaluation's file, which lies below a folder `evaluation`."""
    parts = evaluation.parts
    above = parts[: parts.index("evaluation")] if "evaluation" in parts else parts[:-1]
    return Path(*above, "benchmarks", f"{name}.parquet")


def tokenizer_of(rollouts: Path) -> Path:
    """The tokenizer of a rollouts file by its path; for one that is not a run's, in a folder `policy` beside it.

    A run's is that of the warm start, where its policy was removed.
    """
    parts = rollouts.parts
    if len(parts) >= 5 and parts[-5] == "runs" and parts[-1] == "rollouts.parquet":
        own = Path(*parts[:-5], "policies", *parts[-4:-1], "tokenizer.json")
        return own if own.exists() else Path(*parts[:-5], "warm_start", "policy", "tokenizer.json")
    return rollouts.parent / "policy" / "tokenizer.json"


def viewer_of(rollouts: Path) -> Path:
    """The same for a rollouts file by its path; for one that is not a run's, a page beside it."""
    parts = rollouts.parts
    if len(parts) >= 5 and parts[-5] == "runs" and parts[-1] == "rollouts.parquet":
        return REPORT / "rollouts" / f"{'-'.join(parts[-4:-1])}.html"
    if "evaluation" in parts:
        return REPORT / "rollouts" / f"{'-'.join([*parts[parts.index('evaluation') + 1 : -1], rollouts.stem])}.html"
    return rollouts.with_suffix(".html")


WARM_START_EVALUATION = EVALUATION / "warm_start.parquet"
