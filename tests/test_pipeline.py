"""The real pipeline, small: which stages run after which edit, and that nothing but the inputs decides the result."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from builders import edit_params
from documented import contradictions, json_files
from mlflow import MlflowClient
from own_classes import EXAMPLES
from projects import ENVIRONMENT, PUBLISHING, TRAINED, dvc, make_project, repro

pytestmark = pytest.mark.pipeline

SHARED_STAGES = {"prepare", "warm_start", "evaluate_start"}


def stages_of_round(arm: str, round: int) -> set[str]:
    return {f"{stage}@{arm}-1-round{round}" for stage in ("rollout", "verify", "update")} | {f"measure@{arm}-1"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A project whose pipeline has run; tests that edit it work on a copy, with its own cache and MLflow's receipt.

    A copy has no store, and making one takes seconds; so a test publishes there only where that is its claim.
    """
    project = make_project(tmp_path_factory.mktemp("pipeline") / "finished")
    expected = SHARED_STAGES | PUBLISHING | {"plan"}
    for arm in ("uniform", "token"):
        expected |= {f"start@{arm}-1", f"evaluate@{arm}-1-2"} | stages_of_round(arm, 0) | stages_of_round(arm, 1)
    assert repro(project) == expected
    return project


@pytest.fixture
def project(finished, tmp_path) -> Path:
    copy = tmp_path / "project"
    shutil.copytree(finished, copy, symlinks=True, ignore=shutil.ignore_patterns("mlflow.db", "artifacts"))
    return copy


def test_a_second_run_runs_nothing(finished):
    assert repro(finished) == set()


def test_every_key_of_every_json_file_stands_in_data_readme(finished):
    files = json_files(finished)
    assert len({heading for heading, _ in files}) == 6
    assert not [fault for heading, file in files for fault in contradictions(heading, json.loads(file.read_text()))]


def test_dvc_shows_every_arms_metrics_and_curves(finished):
    metrics = json.loads(dvc(finished, "metrics", "show", "--json").stdout)[""]["data"]["report/metrics.json"]["data"]
    assert {"warm_start", "uniform", "token"} <= metrics.keys()
    plots = json.loads(dvc(finished, "plots", "show", "--json").stdout)["data"]
    assert {"reward", "entropy", "temperature"} <= plots.keys()
    drawn = plots["temperature"][0]["content"]["data"]["values"]
    assert {(row["field"], row["round"]) for row in drawn} == {(arm, n) for arm in ("uniform", "token") for n in "01"}


def test_editing_a_round_of_one_arm_runs_that_arm_from_that_round_and_reverting_it_comes_from_the_cache(project):
    before = (project / "dvc.lock").read_text()
    original = (project / "params.yaml").read_text()
    edit_params({"temperature.token.schedule.points": [[0, 1.0], [1, 1.2], [2, 1.0]]}, project / "params.yaml")
    assert repro(project) == {"plan", "evaluate@token-1-2", *stages_of_round("token", 1), *PUBLISHING}
    (project / "params.yaml").write_text(original)
    assert repro(project) <= {"plan", "track"}, "all else is restored from the cache"
    assert (project / "dvc.lock").read_text() == before


def test_an_edit_that_leaves_the_resolved_temperatures_alone_runs_the_plan_only(project):
    flat = {"kind": "linear", "start": 1.0, "end": 1.0, "over": 3}
    edit_params(
        {"temperature.uniform": {"schedule": flat}, "temperature.token.token.moves": "all"}, project / "params.yaml"
    )
    assert repro(project, *TRAINED) == {"plan"}


@pytest.mark.exhaustive
def test_a_new_arm_and_a_new_round_run_alone(project):
    """As they do where stages do next to nothing, in test_study.py and test_storage.py."""
    edit_params({"arms": ["uniform", "token", "hot"], "rounds": 3}, project / "params.yaml")
    new = {"start@hot-1", *(f"evaluate@{arm}-1-3" for arm in ("uniform", "token", "hot"))}
    new |= {*stages_of_round("uniform", 2), *stages_of_round("token", 2)}
    assert repro(project, *TRAINED) == {"plan", *new}.union(*(stages_of_round("hot", n) for n in range(3)))


def test_editing_the_evaluation_of_one_benchmark_and_sweeping_temperatures_evaluate_again_and_train_nothing(project):
    edit_params(
        {"evaluate": {"benchmarks": {"longer": {"samples": 3, "temperature": 0.7}}, "sweep": [0.6]}},
        project / "params.yaml",
    )
    again = {f"{stage}@{arm}" for stage, arm in (("evaluate", "uniform-1-2"), ("evaluate", "token-1-2"))}
    again |= {"evaluate_start", "measure@uniform-1", "measure@token-1"}
    swept = {"sweep@uniform-1-0.6", "sweep@token-1-0.6"}
    assert repro(project, *TRAINED, "sweep", "report") == {"plan", *again, *swept, "report"}
    tables = json.loads((project / "report" / "tables.json").read_text())
    assert {name: score["samples"] for name, score in tables["warm_start"].items()} == {
        "same": 2,
        "longer": 3,
        "larger": 2,
    }
    assert list(tables["sweep"]["token"]["longer"]) == ["0.6", "0.7"]


@pytest.mark.exhaustive
def test_after_a_prune_nothing_runs_and_a_new_round_runs_alone(project):
    """As it is in test_pruning.py, where stages do next to nothing, and with adapters in test_lora_pipeline.py."""
    command = [sys.executable, "-m", "mtpipe", "prune", "--keep", "1"]
    environment = {**ENVIRONMENT, "PYTHONPATH": str(project)}
    ended = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "dvc repro --allow-missing" in ended.stdout
    assert [path.name for path in sorted(project.glob("data/policies/*/*/*"))] == ["round2", "round2"]
    assert {path.name for path in project.glob("data/optimizers/*/*/*")} == {"round0.safetensors", "round2.safetensors"}
    assert repro(project, "--allow-missing") == set()
    refused = dvc(project, "repro", check=False)
    assert refused.returncode != 0
    assert "seed1/round1.safetensors: removed to free disk" in refused.stderr, refused.stderr
    assert "dvc repro --allow-missing" in refused.stderr
    assert repro(project, "--allow-missing") == set(), "the update that was refused has lost nothing"
    ran = subprocess.run(
        [sys.executable, "-m", "mtpipe", "run"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert not re.search(r"(uniform|token)-1", ran.stderr), "a chain had to run"
    assert not list(project.glob("data/policies/*/*/round1")), "a pruned policy came back"

    edit_params({"rounds": 3, "evaluate.after": [2, 3]}, project / "params.yaml")
    new = {f"evaluate@{arm}-1-3" for arm in ("uniform", "token")}
    new |= {*stages_of_round("uniform", 2), *stages_of_round("token", 2)}
    assert repro(project, "--allow-missing", *TRAINED) == {"plan", *new}


def edit(project: Path, file: str, old: str, new: str) -> None:
    """Replaces a text in one of the project's files."""
    text = (project / file).read_text()
    assert text.count(old) == 1
    (project / file).write_text(text.replace(old, new))


def test_a_comment_or_a_docstring_runs_no_stage_but_the_plan(project):
    edit(project, "mtpipe/files.py", "def write_text(", "# a comment\ndef write_text(")
    edit(project, "stages/update.py", '"""Updates one run\'s policy', '"""Changes one run\'s policy')
    assert repro(project) == {"plan"}


def test_an_edit_of_the_report_or_of_a_template_retrains_nothing(project):
    (project / "mtpipe" / "report" / "series.py").open("a").write("\nEDITED = True\n")
    (project / "mtpipe" / "report" / "page.css").open("a").write("\np { color: black; }\n")
    assert {"plan", "report"} <= repro(project, *TRAINED, "report", "look") <= {"plan", "report", "look"}


def test_an_edit_of_a_helper_runs_the_stages_that_reach_it(project):
    for helper in ("measure/temperature_shares.py", "tasks/rewards.py"):
        (project / "mtpipe" / helper).open("a").write("\nEDITED = True\n")
    assert repro(project, *TRAINED) == {
        "plan",
        *(f"measure@{arm}-1" for arm in ("uniform", "token")),
        *(f"verify@{arm}-1-round{n}" for arm in ("uniform", "token") for n in (0, 1)),
    }


def test_a_plugin_belongs_to_the_arms_that_use_it(project):
    """Asked for are all of the one arm, and the other's first stage, which all that follows there needs."""
    (project / "plugins" / "cooling.py").write_text(EXAMPLES["cooling"])
    edit_params({"temperature.token": {"token": {"kind": "plugins.cooling.Cooling"}}}, project / "params.yaml")
    assert repro(project, "measure@uniform-1", "rollout@token-1-round0") == {"plan", "rollout@token-1-round0"}
    (project / "plugins" / "cooling.py").open("a").write("\nEDITED = True\n")
    assert repro(project, "measure@uniform-1", "rollout@token-1-round0") == {"plan", "rollout@token-1-round0"}


def test_code_that_is_edited_while_dvc_repro_works_fails_the_stages_that_reach_it(project):
    """DVC would record the result as if the code that is there at the end had made it."""
    edit_params({"sampling.prompts": 24}, project / "params.yaml")
    first = "    bar = token_bar("
    edit(project, "stages/rollout.py", first, EDIT_OF_THE_UPDATE + first)
    ended = dvc(project, "repro", check=False)
    assert ended.returncode
    assert "mtpipe/learn/update.py changed after data/stages/update.json was written" in ended.stderr
    assert "update@uniform-1-round0" in repro(project, "update@uniform-1-round0")


EDIT_OF_THE_UPDATE = """
    import pathlib
    code = pathlib.Path("mtpipe/learn/update.py")
    code.write_text(code.read_text().replace("EDITED = True\\n", "") + "EDITED = True\\n")
"""


@pytest.mark.exhaustive
def test_live_curves_run_no_training_again_change_no_output_and_are_those_that_are_published(project):
    edit_params({"tracking.live": True}, project / "params.yaml")
    assert repro(project) == {"plan", "report", "track"}
    before = (project / "dvc.lock").read_text()
    forced = [f"{stage}@token-1-round1" for stage in ("rollout", "verify", "update")] + ["evaluate@token-1-2"]
    dvc(project, "repro", "--force", "--single-item", *forced)
    assert (project / "dvc.lock").read_text() == before
    mlflow = MlflowClient(f"sqlite:///{project}/mlflow/mlflow.db")

    def points(run):
        """Without the time, which is that of the stages here, and between the update's ends there."""
        histories = {key: mlflow.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
        return {(key, each.step, each.value) for key, history in histories.items() for each in history}

    (experiment,) = mlflow.search_experiments(filter_string="name = 'mtpipe'")
    live = complete = None
    while live is None or live.info.status == "RUNNING":  # a last batch follows when DVC has ended
        time.sleep(0.5)
        found = {run.info.run_name: run for run in mlflow.search_runs([experiment.experiment_id])}
        live, complete = found.get("token-seed1 (live)"), found["token-seed1"]
    told = {point for point in points(live) if point[0] != "rollout/tokens"}
    assert {"step/reward", "round/reward", "eval/same"} <= {key for key, *_ in told}
    assert told <= points(complete)
    assert "rollout/tokens" in live.data.metrics


def test_a_bad_edit_fails_with_its_reason_and_loses_nothing(project):
    before = (project / "dvc.lock").read_text()
    original = (project / "params.yaml").read_text()
    edit_params({"temperature.hot": {"schedul": {}}}, project / "params.yaml")
    ended = dvc(project, "repro", check=False)
    assert ended.returncode != 0
    assert "temperature.hot: unknown key 'schedul'; did you mean 'schedule'?" in ended.stderr
    (project / "params.yaml").write_text(original)
    assert repro(project) <= {"plan"}
    assert (project / "dvc.lock").read_text() == before


@pytest.mark.exhaustive
def test_two_fresh_projects_end_with_the_same_lock_also_without_the_preloaded_process(finished, tmp_path, monkeypatch):
    monkeypatch.setitem(ENVIRONMENT, "MTPIPE_PRELOAD", "0")
    twin = make_project(tmp_path / "twin")
    repro(twin)
    assert (twin / "dvc.lock").read_text() == (finished / "dvc.lock").read_text()


@pytest.mark.exhaustive
def test_arms_side_by_side_end_with_the_same_lock_and_leave_nothing_to_do(finished, tmp_path):
    twin = make_project(tmp_path / "twin")
    command = [sys.executable, "-m", "mtpipe", "run", "--jobs", "2"]
    environment = {**ENVIRONMENT, "PYTHONPATH": str(twin)}
    ended = subprocess.run(command, cwd=twin, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    assert (twin / "dvc.lock").read_text() == (finished / "dvc.lock").read_text()
    assert dvc(twin, "status").stdout.strip() == "Data and pipelines are up to date."
    assert repro(twin) == set()


def kill_when(project: Path, reached: list[str]) -> None:
    """Starts `dvc repro` and kills it and its children without warning, once its output names each of `reached`."""
    log = project.parent / "log"
    with open(log, "w") as output:
        started = subprocess.Popen(
            ["dvc", "repro"], cwd=project, env=ENVIRONMENT, stdout=output, stderr=output, start_new_session=True
        )
        deadline = time.monotonic() + 300
        while not all(text in log.read_text() for text in reached):
            assert started.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@pytest.mark.exhaustive
def test_a_run_killed_at_several_moments_ends_with_the_same_lock(finished, tmp_path):
    project = make_project(tmp_path / "killed")
    for moment in (
        ["warm start:"],
        ["> python -m mtpipe.run.launch update --arm uniform --seed 1 --round 1"],
        ["> python -m mtpipe.run.launch evaluate --arm token"],
    ):
        kill_when(project, moment)
    repro(project)
    assert (project / "dvc.lock").read_text() == (finished / "dvc.lock").read_text()
    assert not list(project.rglob("*.partial"))
