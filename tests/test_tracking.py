"""Publishing to a real MLflow on sqlite, from a small project written with the stages' own writers."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from ruamel.yaml import YAML

from mtpipe import paths, records
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json, write_json, write_text
from mtpipe.params import Params, load_params
from mtpipe.tracking.publishing import publish
from mtpipe.tracking.record import read_record

ROOT = Path(__file__).parent.parent
SOURCES = [
    {"name": "mine", "role": "training", "files": ["inputs/mine.jsonl"], "digest": "d1", "rows": 9, "kept": 7}
    | {"dropped": {"duplicate": 2}}
]
CORRECT = {0: 2, 1: 4, 2: 6, 3: 8}
"""How many of a round's 10 responses, and of a benchmark's 10 after that many rounds, are right."""


def edit_params(change) -> None:
    yaml = YAML()
    found = yaml.load(Path("params.yaml").read_text(encoding="utf-8"))
    change(found)
    with open("params.yaml", "w", encoding="utf-8") as file:
        yaml.dump(found, file)


def shrink(found) -> None:
    found["arms"], found["seeds"] = ["uniform", "token"], [1, 2]
    found["rounds"] = [{"n": 0, "next": 1}, {"n": 1, "next": 2}]
    found["evaluate"]["after"] = [2]
    found["report"]["baseline"] = "uniform"
    found["tracking"].update(uri=None, experiment="mtpipe")


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
    entropy = {"edges": [0.0, 3.0], "counts": [10], "threshold": None, "hot_share": None}
    found = {"round": mean, "steps": listed, "temperatures": shares, "entropy": entropy}
    write_json(paths.update_metrics(arm, seed, round), found)


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


@pytest.fixture
def project(tmp_path, monkeypatch, empty_database) -> Path:
    """A project with two arms, two seeds and two rounds, in a folder whose name has a space."""
    folder = tmp_path / "my project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    shutil.copy(ROOT / "params.yaml", folder)
    edit_params(shrink)
    write_data(load_params())
    paths.MLFLOW.mkdir()
    shutil.copy(empty_database, paths.MLFLOW / "mlflow.db")
    return folder


def client(project: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{project}/mlflow/mlflow.db")


def runs(project: Path) -> list[Run]:
    """The runs of the experiment that are not deleted, by name and then by identity."""
    mlflow = client(project)
    found = mlflow.search_runs([mlflow.get_experiment_by_name("mtpipe").experiment_id])
    return sorted(found, key=lambda run: (run.info.run_name, run.data.tags["mtpipe.identity"]))


def run_of(project: Path, name: str) -> Run:
    (found,) = [run for run in runs(project) if run.info.run_name == name]
    return found


def history(project: Path, run: Run, key: str) -> list[tuple[int, float]]:
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


def artifact(project: Path, run: Run, path: str, into: Path) -> bytes:
    return Path(client(project).download_artifacts(run.info.run_id, path, str(into))).read_bytes()


def identities() -> set[str]:
    params = load_params()
    return {read_record(params, arm, seed).identity for arm in params.arms for seed in params.seeds}


def start_stage(project: Path) -> subprocess.Popen:
    """The stage in a process of its own, which ends with status 3 where it has imported torch."""
    code = "import sys; from stages.track import main; main(); sys.exit(3 if 'torch' in sys.modules else 0)"
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=project, env={"PYTHONPATH": str(ROOT), "PATH": ""}, stdout=-1, text=True
    )


def test_each_arm_and_seed_has_one_complete_run_with_every_rounds_metrics(project):
    publish(load_params())
    found = runs(project)
    assert [run.info.run_name for run in found] == ["token-seed1", "token-seed2", "uniform-seed1", "uniform-seed2"]
    for run in found:
        assert run.info.status == "FINISHED"
        assert run.data.tags["mtpipe.content"]
        assert run.data.tags["mtpipe.current"] == "true"
        assert history(project, run, "round/reward") == [(0, 0.2), (1, 0.4)]
        assert history(project, run, "verdict/wrong_end") == [(0, 0.8), (1, 0.6)]
        assert history(project, run, "temperature/reward_at_0.9") == [(0, 0.2), (1, 0.4)]
        assert history(project, run, "temperature/positive_advantage_share_at_0.9") == [(0, 0.25), (1, 0.25)]
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


def test_a_changed_evaluation_replaces_the_run(project):
    publish(load_params())
    write_evaluation(paths.evaluation("token", 1, 2), 9)
    publish(load_params())
    assert len(runs(project)) == 4
    assert history(project, run_of(project, "token-seed1"), "eval/same") == [(0, 0.1), (2, 0.9)]


def test_more_rounds_extend_a_run_and_keep_its_identity(project):
    publish(load_params())
    identity = run_of(project, "token-seed1").data.tags["mtpipe.identity"]

    def longer(found):
        found["rounds"].append({"n": 2, "next": 3})
        found["evaluate"]["after"] = [3]

    edit_params(longer)
    write_data(load_params())
    publish(load_params())
    assert len(runs(project)) == 4
    extended = run_of(project, "token-seed1")
    assert extended.data.tags["mtpipe.identity"] == identity
    assert history(project, extended, "round/reward") == [(0, 0.2), (1, 0.4), (2, 0.6)]


def test_an_edited_temperature_makes_a_new_current_run_and_keeps_the_old(project):
    def heat(to):
        edit_params(lambda found: found["temperature"]["token"]["token"].update(high=to))
        publish(load_params())
        return {
            run.data.params["token.high"]: run.data.tags["mtpipe.current"]
            for run in runs(project)
            if run.info.run_name == "token-seed1"
        }

    assert heat(1.2) == {"1.2": "true"}
    assert heat(1.4) == {"1.2": "false", "1.4": "true"}
    assert heat(1.2) == {"1.2": "true", "1.4": "false"}
    assert {run.data.tags["mtpipe.current"] for run in runs(project) if run.data.tags["arm"] == "uniform"} == {"true"}


def test_an_arms_own_loss_and_controller_are_among_its_params_and_in_its_description(project):
    own = {"update": {"top_entropy": 0.2}, "controller": {"kind": "entropy_target", "target": 0.3}}
    edit_params(lambda found: found["temperature"].update(token=own))
    token, uniform = (read_record(load_params(), arm, 1) for arm in ("token", "uniform"))
    assert (token.params["update.top_entropy"], uniform.params["update.top_entropy"]) == ("0.2", "null")
    assert token.params["controller.kind"] == "entropy_target"
    assert "entropy_target (start 1.0, target 0.3" in token.description
    assert "update (top_entropy 0.2)" in token.description


@pytest.mark.parametrize("section", ["task", "model", "sft", "sampling", "reward", "update"])
def test_settings_that_shape_training_make_another_run(project, section):
    key = {"task": "bound", "model": "layers", "sft": "steps", "sampling": "prompts", "reward": "correct"}
    before = identities()
    edit_params(lambda found: found[section].update({key.get(section, "warmup_steps"): 777}))
    assert not before & identities()


def test_settings_that_only_look_at_the_results_keep_the_run(project):
    before = identities()
    edit_params(lambda found: found["evaluate"].update(samples=7))
    edit_params(lambda found: found["report"].update(resamples=777))
    assert identities() == before


def test_an_unfinished_run_of_earlier_settings_is_removed(project):
    publish(load_params())
    client(project).delete_tag(run_of(project, "token-seed1").info.run_id, "mtpipe.content")
    edit_params(lambda found: found["temperature"]["token"]["token"].update(high=1.4))
    publish(load_params())
    assert [run.info.run_name for run in runs(project)].count("token-seed1") == 1
    assert [run.info.run_name for run in runs(project)].count("token-seed2") == 2


def test_a_run_of_the_users_own_is_left_alone(project):
    publish(load_params())
    mlflow = client(project)
    experiment = mlflow.get_experiment_by_name("mtpipe").experiment_id
    own = mlflow.create_run(experiment, run_name="notes").info.run_id
    publish(load_params())
    assert mlflow.get_run(own).info.lifecycle_stage == "active"
    assert "mtpipe.current" not in mlflow.get_run(own).data.tags


def start_queued_experiment(project: Path, monkeypatch) -> None:
    """Goes to a copy of the project such as DVC makes for a queued experiment; the clock files stay behind."""
    copy = project / ".dvc" / "tmp" / "exps" / "tmp1234"
    copy.mkdir(parents=True)
    shutil.copytree("data", copy / "data", ignore=shutil.ignore_patterns("clock"))
    shutil.copy("params.yaml", copy)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_EXP_NAME", "hotter")


def test_a_queued_dvc_experiment_publishes_into_the_projects_database(project, monkeypatch):
    publish(load_params())
    before = state(project)
    start_queued_experiment(project, monkeypatch)
    edit_params(lambda found: found["temperature"]["token"]["token"].update(high=1.4))
    publish(load_params())
    assert set(publish(load_params()).done.values()) == {"unchanged"}
    added = [run for run in runs(project) if run.data.tags.get("dvc.experiment") == "hotter"]
    assert [run.info.run_name for run in added] == ["token-seed1 (hotter)", "token-seed2 (hotter)"]
    assert [run.data.tags["mtpipe.current"] for run in added] == ["false", "false"]
    kept = [each for each in state(project) if "dvc.experiment" not in each[1]]
    assert kept == before
    assert [path.name for path in Path("mlflow").iterdir()] == ["receipt.json"]


def test_an_experiment_with_another_evaluation_keeps_the_projects_runs_until_it_is_applied(project, monkeypatch):
    publish(load_params())
    before = state(project)
    start_queued_experiment(project, monkeypatch)
    write_evaluation(paths.evaluation("token", 1, 2), 9)
    publish(load_params())
    assert [each for each in state(project) if "dvc.experiment" not in each[1]] == before
    monkeypatch.delenv("DVC_EXP_NAME")
    monkeypatch.chdir(project)
    write_evaluation(paths.evaluation("token", 1, 2), 9)  # what `dvc exp apply` does
    publish(load_params())
    (applied,) = [run for run in runs(project) if run.data.tags["arm"] == "token" and run.data.tags["seed"] == "1"]
    assert (applied.data.tags["dvc.experiment"], applied.data.tags["mtpipe.current"]) == ("hotter", "true")


def test_rounds_that_a_queued_experiment_took_from_the_cache_have_the_projects_times(project, monkeypatch):
    write_json(paths.CLOCK / "update-token-1-0.json", {"started": 1.8e9, "seconds": 50.0})
    start_queued_experiment(project, monkeypatch)
    write_json(paths.CLOCK / "update-token-1-1.json", {"started": 1.9e9, "seconds": 50.0})
    record = read_record(load_params(), "token", 1)
    assert (record.started, record.ended) == (1_800_000_000_000, 1_900_000_050_000)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "nonsense://x", "postgresql://me:secret@127.0.0.1:9/runs"])
def test_an_unreachable_store_is_a_clear_error_within_seconds(project, uri):
    edit_params(lambda found: found["tracking"].update(uri=uri))
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
    with pytest.raises(MtpipeError, match="delete its folder"):
        publish(load_params())
    assert time.monotonic() - started < 10


def test_a_copied_project_does_not_write_into_the_original(project, tmp_path, monkeypatch):
    publish(load_params())
    shutil.copytree(project, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    with pytest.raises(MtpipeError, match="moved or copied"):
        publish(load_params())


def test_a_missing_file_is_named_and_changes_nothing(project):
    paths.update_metrics("token", 2, 1).unlink()
    with pytest.raises(MtpipeError, match=r"token/seed2/round1\.json is missing"):
        publish(load_params())
    assert client(project).get_experiment_by_name("mtpipe") is None
