"""What a published run holds, and that publishing again, at once or after a failure leaves it whole."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from builders import ROOT, edit_params
from mlflow import MlflowClient
from published import SOURCES, artifact, client, history, run_of, runs, state, write_metrics

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json, write_json, write_text
from mtpipe.params import load_params
from mtpipe.tracking.moving import take_over
from mtpipe.tracking.publishing import publish

pytestmark = pytest.mark.slow


def start_stage(project: Path) -> subprocess.Popen:
    """The stage in a process of its own, which ends with status 3 where it has imported torch."""
    code = (
        "import sys; from stages.track import main; from mtpipe.params import load_params\n"
        "main(params=load_params()); sys.exit(3 if 'torch' in sys.modules else 0)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=project, env={"PYTHONPATH": str(ROOT), "PATH": ""}, stdout=-1, text=True
    )


def test_each_arm_and_seed_has_one_complete_run_with_every_rounds_metrics(project):
    publish(load_params())
    found = runs(project)
    assert [run.info.run_name for run in found] == ["token-seed1", "token-seed2", "uniform-seed1", "uniform-seed2"]
    assert len({run.data.tags["mlflow.runColor"] for run in found}) == 4
    for run in found:
        assert run.info.status == "FINISHED"
        assert run.data.tags["mtpipe.content"]
        assert run.data.tags["mtpipe.current"] == "true"
        assert history(project, run, "round/reward") == [(0, 0.2), (1, 0.4)]
        assert history(project, run, "verdict/wrong_end") == [(0, 0.8), (1, 0.6)]
        assert history(project, run, "temperature/reward_at_0.9") == [(0, 0.2), (1, 0.4)]
        assert history(project, run, "temperature/positive_advantage_share_at_0.9") == [(0, 0.25), (1, 0.25)]
        assert history(project, run, "temperature/different_responses_at_0.9") == [(0, 0.5), (1, 0.5)]
        assert history(project, run, "temperature/different_answers_at_0.9") == [(0, 0.125), (1, 0.125)]
        assert history(project, run, "mismatch/mean") == [(0, 0.01), (1, 0.02)]
        assert history(project, run, "step/loss") == [(1, 0.0), (2, 0.125), (3, 0.0), (4, 0.125)]
        assert history(project, run, "eval/same") == [(0, 0.1), (2, 0.6)]


def test_a_run_says_what_it_was_made_from(project, tmp_path):
    write_text(paths.REPORT / "index.html", "<p>the report</p>")
    publish(load_params())
    token, uniform = run_of(project, "token-seed2"), run_of(project, "uniform-seed2")
    assert (token.data.tags["arm"], token.data.tags["seed"]) == ("token", "2")
    assert token.data.params["token.threshold.quantile"] == "0.8"
    assert uniform.data.params["schedule.value"] == "1.0"
    assert uniform.data.params["token.kind"] == "uniform"
    assert uniform.data.params["rounds"] == "2"
    datasets = {each.dataset.name: json.loads(each.dataset.source)["uri"] for each in token.inputs.dataset_inputs}
    assert datasets == {"train": "data/problems/train.parquet", "same": "data/benchmarks/same.parquet"}
    assert token.data.params["data.training.mine.digest"] == "d1"
    assert token.data.params["data.training.mine.dropped.duplicate"] == "2"
    assert json.loads(artifact(project, token, "data/sources.json", tmp_path)) == SOURCES
    assert artifact(project, token, "data/dropped.jsonl", tmp_path) == b"{}\n"
    assert artifact(project, token, "plan/round1.json", tmp_path) == paths.round_plan("token", 1).read_bytes()
    assert artifact(project, token, "samples/round1.jsonl", tmp_path) == b"{}\n"
    assert artifact(project, token, "params.yaml", tmp_path) == Path("params.yaml").read_bytes()
    assert artifact(project, token, "report/index.html", tmp_path) == b"<p>the report</p>"
    assert artifact(project, token, "evaluation/after2.parquet", tmp_path)[:4] == b"PAR1"


def test_times_come_from_the_clock_files_where_all_are_there(project):
    for round in (0, 1):
        clock = {"started": 1.8e9 + 100 * round, "seconds": 50.0}
        write_json(paths.CLOCK / f"update-token-1-{round}.json", clock)
        write_json(paths.CLOCK / "update-token-2-0.json", clock)
    publish(load_params())
    token = run_of(project, "token-seed1")
    assert (token.info.start_time, token.info.end_time) == (1_800_000_000_000, 1_800_000_150_000)
    points = client(project).get_metric_history(token.info.run_id, "round/reward")
    assert [point.timestamp for point in points] == [1_800_000_050_000, 1_800_000_150_000]
    assert run_of(project, "token-seed2").info.start_time == 946_684_800_000


def test_a_long_run_goes_to_mlflow_in_calls_that_a_server_takes(project, monkeypatch):
    sizes = []
    log_batch = MlflowClient.log_batch

    def counted(self, run_id, metrics=(), params=(), tags=()):
        sizes.append((len(metrics), len(params)))
        log_batch(self, run_id, metrics=metrics, params=params, tags=tags)

    monkeypatch.setattr(MlflowClient, "log_batch", counted)
    write_metrics("token", 1, 0, steps=400)
    publish(load_params())
    assert max(metrics for metrics, _ in sizes) <= 1000
    assert max(params for _, params in sizes) <= 100
    found = run_of(project, "token-seed1")
    stored = sum(len(history(project, found, key)) for key in found.data.metrics)
    assert stored == read_json(paths.MLFLOW / "receipt.json")["token-seed1"]["metrics"] > 1000


def test_publishing_twice_changes_nothing(project):
    first = publish(load_params())
    before, receipt = state(project), Path("mlflow/receipt.json").read_bytes()
    write_json(paths.CLOCK / "update-token-1-0.json", {"started": 1.8e9, "seconds": 50.0})
    write_json(paths.CLOCK / "update-token-1-1.json", {"started": 1.9e9, "seconds": 50.0})
    second = publish(load_params())
    assert set(first.done.values()) == {"new"}
    assert set(second.done.values()) == {"unchanged"}
    assert state(project) == before
    assert Path("mlflow/receipt.json").read_bytes() == receipt


def test_a_changed_report_is_logged_again_without_touching_the_metrics(project, tmp_path):
    write_text(paths.REPORT / "tables.md", "old")
    publish(load_params())
    before = run_of(project, "token-seed1")
    write_text(paths.REPORT / "tables.md", "new")
    assert set(publish(load_params()).done.values()) == {"new artifacts"}
    after = run_of(project, "token-seed1")
    assert after.info.run_id == before.info.run_id
    assert history(project, after, "round/reward") == [(0, 0.2), (1, 0.4)]
    assert artifact(project, after, "report/tables.md", tmp_path) == b"new"
    assert set(publish(load_params()).done.values()) == {"unchanged"}


def test_the_stage_rebuilds_a_deleted_database_and_says_how_to_open_it(project):
    publish(load_params())
    receipt = Path("mlflow/receipt.json").read_bytes()
    shutil.rmtree("mlflow")
    stage = start_stage(project)
    printed = stage.communicate()[0]
    assert stage.returncode == 0
    assert Path("mlflow/receipt.json").read_bytes() == receipt
    assert "report/index.html" in printed
    assert "--backend-store-uri sqlite:///mlflow/mlflow.db" in printed
    Path("mlflow").rename("rebuilt")  # under another name, because MLflow keeps the deleted file open in this process
    rebuilt = MlflowClient(f"sqlite:///{project}/rebuilt/mlflow.db")
    found = rebuilt.search_runs([rebuilt.get_experiment_by_name("mtpipe").experiment_id])
    names = sorted(run.info.run_name for run in found)
    assert names == ["token-seed1", "token-seed2", "uniform-seed1", "uniform-seed2"]
    assert all(run.data.metrics["round/reward"] == 0.4 for run in found)


def test_two_processes_at_once_publish_each_run_once(project):
    stages = [start_stage(project) for _ in range(2)]
    printed = "".join(stage.communicate()[0] for stage in stages)
    assert [stage.returncode for stage in stages] == [0, 0]
    assert "4 new" in printed
    assert "4 unchanged" in printed
    assert len(runs(project)) == 4


def test_a_run_left_incomplete_is_replaced(project):
    publish(load_params())
    broken = run_of(project, "token-seed1")
    client(project).delete_tag(broken.info.run_id, "mtpipe.content")
    done = publish(load_params()).done
    assert (done["token-seed1"], done["token-seed2"]) == ("replaced", "unchanged")
    assert len(runs(project)) == 4
    replaced = run_of(project, "token-seed1")
    assert replaced.info.run_id != broken.info.run_id
    assert replaced.data.tags["mtpipe.content"] == broken.data.tags["mtpipe.content"]


def test_a_publishing_that_breaks_off_leaves_no_run_that_looks_complete(project, monkeypatch):
    def full_disk(*_):
        raise OSError("no space left")

    with monkeypatch.context() as patch, pytest.raises(MtpipeError, match="no space left"):
        patch.setattr(MlflowClient, "log_artifact", full_disk)
        publish(load_params())
    assert [run.data.tags.get("mtpipe.content") for run in runs(project)] == [None]
    assert not Path("mlflow/receipt.json").exists()
    publish(load_params())
    assert len(runs(project)) == 4


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "nonsense://x", "postgresql://me:secret@127.0.0.1:9/runs"])
def test_an_unreachable_store_is_a_clear_error_within_seconds(project, uri):
    edit_params({"tracking.uri": uri})
    started = time.monotonic()
    with pytest.raises(MtpipeError) as raised:
        publish(load_params())
    assert time.monotonic() - started < 20
    message = str(raised.value)
    assert f"params.yaml: tracking.uri is {uri.replace('secret', '***')}" in message
    assert "set it to null" in message
    assert "secret" not in message
    assert not Path("mlflow/receipt.json").exists()


def test_a_damaged_database_is_a_clear_error_within_seconds(project):
    Path("mlflow/mlflow.db").write_bytes(b"no database" * 1000)
    started = time.monotonic()
    with pytest.raises(MtpipeError, match="move its folder away"):
        publish(load_params())
    assert time.monotonic() - started < 10


def test_a_copied_project_does_not_write_into_the_original(project, tmp_path, monkeypatch):
    publish(load_params())
    shutil.copytree(project, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    with pytest.raises(MtpipeError, match="moved or copied"):
        publish(load_params())


def test_a_moved_project_takes_its_store_over_with_every_run_and_artifact(project, tmp_path, monkeypatch):
    publish(load_params())
    before = {run.info.run_id for run in runs(project)}
    project.rename(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path / "elsewhere")
    params = load_params()
    assert take_over(params.tracking) == len(before) + 1, "each run and the experiment"
    assert take_over(params.tracking) == 0
    assert set(publish(params).done.values()) == {"unchanged"}
    assert {run.info.run_id for run in runs(Path.cwd())} == before
    for run in before:
        assert client(Path.cwd()).list_artifacts(run)
    shutil.rmtree("mlflow/artifacts")
    with pytest.raises(MtpipeError, match="artifacts"):
        take_over(params.tracking)


def test_a_missing_file_is_named_and_changes_nothing(project):
    paths.round_metrics("token", 2, 1).unlink()
    with pytest.raises(MtpipeError, match=r"token/seed2/round1\.json is missing"):
        publish(load_params())
    assert client(project).get_experiment_by_name("mtpipe") is None
