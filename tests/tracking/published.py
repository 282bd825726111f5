"""What the stages of a small project write, and what a real MLflow on sqlite then holds of it."""

from pathlib import Path
from typing import TYPE_CHECKING

from mtpipe import paths, records
from mtpipe.files import write_json, write_text
from mtpipe.params import Params

if TYPE_CHECKING:  # it takes seconds to load
    from mlflow import MlflowClient
    from mlflow.entities import Run

SOURCES = [
    {"name": "mine", "role": "training", "files": ["inputs/mine.jsonl"], "digest": "d1", "rows": 9, "kept": 7}
    | {"dropped": {"duplicate": 2}}
]

CORRECT = {0: 2, 1: 4, 2: 6, 3: 8}
"""How many of a round's 10 responses, and of a benchmark's 10 after that many rounds, are right."""


def write_evaluation(path: Path, correct: int) -> None:
    rows = [
        {"benchmark": "same", "problem_id": str(n // 2), "sample": n % 2, "correct": n < correct, "verdict": "correct"}
        | {"answer": "1", "tokens": 3, "finish_reason": "stop", "text": "1"}
        for n in range(10)
    ]
    records.write_rows(path, rows, records.EVALUATION)


def write_metrics(arm: str, seed: int, round: int, steps: int = 2) -> None:
    right = CORRECT[round]
    mean = {"reward": right / 10, "verdicts": {"correct": right, "wrong@end": 10 - right}, "responses": 10}
    listed = [{"step": round * steps + n + 1, "loss": n / 8, "ratio": 1.0, "grad_norm": 0.5} for n in range(steps)]
    shares = [{"temperature": 0.9, "responses": 10, "reward": right / 10, "positive_advantage_share": 0.25}]
    shares[0] |= {"different_responses": 0.5, "different_answers": 0.125}
    entropy = {"edges": [0.0, 3.0], "counts": [10], "threshold": None, "hot_share": None}
    found = {"round": mean, "steps": listed, "temperatures": shares, "entropy": entropy}
    found["reward_parts"] = {"correct": {"mean": right / 10, "advantage_share": 1.0}}
    found["mismatch"] = [{"by": "all", "low": None, "high": None, "tokens": 30, "mean": 0.01 * (round + 1)}]
    found["mismatch"][0] |= {
        "quantile": 0.1,
        "largest": 0.2,
        "k3": 1e-4,
        "weight": 1.0,
        "cut": 0.0,
        "responses": 10,
        "responses_cut": 0.0,
    }
    write_json(paths.round_metrics(arm, seed, round), found)


def write_data(params: Params) -> None:
    problem = dict.fromkeys(records.PROBLEMS.names, "1")
    for path in (paths.TRAIN, paths.benchmark("same")):
        records.write_rows(path, [problem], records.PROBLEMS)
    write_json(paths.SOURCES, SOURCES)
    write_text(paths.DROPPED, "{}\n")
    for plan in params.plans():
        write_text(paths.round_plan(plan.arm, plan.round), plan.model_dump_json())
    write_evaluation(paths.WARM_START_EVALUATION, 1)
    for arm in params.arms:
        for seed in params.seeds:
            for round in params.rounds:
                write_metrics(arm, seed, round.n)
                write_text(paths.samples(arm, seed, round.n), "{}\n")
            for after in params.evaluate.after:
                write_evaluation(paths.evaluation(arm, seed, after), CORRECT[after])


def client(project: Path) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{project}/mlflow/mlflow.db")


def runs(project: Path) -> "list[Run]":
    """The runs of the experiment that are not deleted, by name and then by identity."""
    mlflow = client(project)
    found = mlflow.search_runs([mlflow.get_experiment_by_name("mtpipe").experiment_id])
    return sorted(found, key=lambda run: (run.info.run_name, run.data.tags["mtpipe.identity"]))


def run_of(project: Path, name: str) -> "Run":
    (found,) = [run for run in runs(project) if run.info.run_name == name]
    return found


def history(project: Path, run: "Run", key: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in client(project).get_metric_history(run.info.run_id, key)]


def state(project: Path) -> list:
    """All that MLflow holds of each run: its id, tags, params, times and every metric's whole history."""
    mlflow = client(project)
    found = []
    for run in runs(project):
        points = {key: mlflow.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
        histories = {key: [vars(point) for point in history] for key, history in points.items()}
        info = (run.info.run_id, run.info.status, run.info.start_time, run.info.end_time)
        found.append((info, run.data.tags, run.data.params, histories))
    return found


def artifact(project: Path, run: "Run", path: str, into: Path) -> bytes:
    return Path(client(project).download_artifacts(run.info.run_id, path, str(into))).read_bytes()
