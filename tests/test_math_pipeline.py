"""The whole pipeline on real mathematics, with a new small model: every stage, file and figure, scores about 0."""

import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from builders import ROOT, edit_params
from mlflow import MlflowClient
from projects import PUBLISHING, TRAINED, make_project, repro

from mtpipe.params import load_params
from mtpipe.profiles import use

SHARED = ROOT.parent / "shared" / "data"
pytestmark = [
    pytest.mark.pipeline,
    pytest.mark.skipif(not SHARED.is_dir(), reason="needs the benchmark files in ../shared/data"),
]
TASK = {
    "train": {
        "math": {
            "file": "inputs/verl_math_train.parquet",
            "difficulty": {"column": "level", "min": 1, "max": 3},
            "count": 48,
        },
        "gsm8k": {"file": "inputs/gsm8k_train.jsonl", "count": 16},
    },
    "benchmarks": {
        name: {"file": f"inputs/{file}", "count": 3}
        for name, file in {
            "aime24": "aime24_test.jsonl",
            "aime25": "skywork_aime25.parquet",
            "amc23": "amc23.jsonl",
            "math500": "math500_test.jsonl",
            "minerva": "minerva_math_test.jsonl",
            "olympiadbench": "olympiadbench_test.jsonl",
            "gsm8k": "gsm8k_main_test.jsonl",
        }.items()
    },
}
"""The data sets of the field."""
EVALUATIONS = {"evaluate@uniform-1-1", "evaluate@token-1-1", "evaluate_start", "measure@uniform-1", "measure@token-1"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """profiles/math-smoke.yaml, run on data sets of the field."""
    project = make_project(tmp_path_factory.mktemp("math") / "finished")
    shutil.copy(ROOT / "params.yaml", project / "params.yaml")
    use(str(ROOT / "profiles" / "math-smoke.yaml"), project / "params.yaml")
    edit_params({f"task.{key}": value for key, value in TASK.items()}, project / "params.yaml")
    for name in (Path(source["file"]).name for part in TASK.values() for source in part.values()):
        found = next(file for folder in ("native", "benchmarks") for file in (SHARED / folder).glob(name))
        shutil.copyfile(found, project / "inputs" / name)
    ran = repro(project)
    assert {"prepare", "warm_start", "rollout@token-1-round0", "verify@token-1-round0", "update@token-1-round0"} <= ran
    assert ran >= EVALUATIONS | PUBLISHING
    return project


def test_every_benchmark_is_evaluated_and_reported(finished):
    names = list(load_params(finished / "params.yaml").task.benchmarks)
    rows = pq.read_table(finished / "data/evaluation/token/seed1/after1.parquet").to_pylist()
    assert {row["benchmark"] for row in rows} == set(names)
    assert len(rows) == 7 * 3 * 2
    assert {row["verdict"] for row in rows} <= {"wrong", "no_answer", "unparseable", "rejected", "correct"}
    assert list(json.loads((finished / "report/tables.json").read_text())["warm_start"]) == names


def test_the_report_and_mlflow_say_what_was_loaded_and_left_out(finished):
    tables = (finished / "report/tables.md").read_text()
    assert "| training | math | inputs/verl_math_train.parquet | 7500 | 48 | " in tables
    assert re.search(r"\d+ in a benchmark, 2 no difficulty, \d+ not chosen, \d+ outside difficulty", tables)
    mlflow = MlflowClient(f"sqlite:///{finished}/mlflow/mlflow.db")
    run = mlflow.search_runs([each.experiment_id for each in mlflow.search_experiments()])[0]
    digests = {source["name"]: source["digest"] for source in json.loads(sources(finished))}
    assert run.data.params["data.training.math.rows"] == "7500"
    assert run.data.params["data.benchmark.aime24.digest"] == digests["aime24"]


def sources(project: Path) -> str:
    return (project / "data/problems/sources.json").read_text()


def test_an_edited_data_set_is_read_again_and_what_it_does_not_change_is_kept(finished):
    file = finished / "inputs" / "amc23.jsonl"
    file.write_text(file.read_text() + "\n")
    before = sources(finished)
    assert repro(finished) == {"prepare"}
    assert sources(finished) == before


def test_a_new_benchmark_is_evaluated_without_training_again(finished):
    params = finished / "params.yaml"
    params.write_text(params.read_text().replace("benchmarks:\n", "benchmarks:\n    more: {file: inputs/more.jsonl}\n"))
    (finished / "inputs" / "more.jsonl").write_text('{"question": "What is half of six?", "answer": "3"}\n')
    assert repro(finished, *TRAINED) == {"prepare", "plan", *EVALUATIONS}
