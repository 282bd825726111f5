"""Which run the results belong to after an edit of params.yaml, or in a queued experiment."""

import shutil
from pathlib import Path

import pytest
from builders import edit_params
from published import client, history, run_of, runs, state, write_data, write_evaluation

from mtpipe import paths
from mtpipe.files import write_json
from mtpipe.params import load_params
from mtpipe.tracking.naming import run_name
from mtpipe.tracking.publishing import publish
from mtpipe.tracking.record import read_record

pytestmark = pytest.mark.slow


def identities() -> set[str]:
    params = load_params()
    return {read_record(params, arm, seed).identity for arm in params.arms for seed in params.seeds}


def test_a_changed_evaluation_replaces_the_run(project):
    publish(load_params())
    write_evaluation(paths.evaluation("token", 1, 2), 9)
    publish(load_params())
    assert len(runs(project)) == 4
    assert history(project, run_of(project, "token-seed1"), "eval/same") == [(0, 0.1), (2, 0.9)]


def test_more_rounds_extend_a_run_and_keep_its_identity(project):
    publish(load_params())
    identity = run_of(project, "token-seed1").data.tags["mtpipe.identity"]

    edit_params({"rounds": 3})
    write_data(load_params())
    publish(load_params())
    assert len(runs(project)) == 4
    extended = run_of(project, "token-seed1")
    assert extended.data.tags["mtpipe.identity"] == identity
    assert history(project, extended, "round/reward") == [(0, 0.2), (1, 0.4), (2, 0.6)]


def test_an_edited_temperature_makes_a_new_current_run_and_keeps_the_old(project):
    def heat(to):
        edit_params({"temperature.token.token.high": to})
        publish(load_params())
        return {
            run.data.params["token.high"]: run.data.tags["mtpipe.current"]
            for run in runs(project)
            if (run.data.tags["arm"], run.data.tags["seed"]) == ("token", "1")
        }

    assert heat(1.2) == {"1.2": "true"}
    assert heat(1.4) == {"1.2": "false", "1.4": "true"}
    assert heat(1.2) == {"1.2": "true", "1.4": "false"}
    assert {run.data.tags["mtpipe.current"] for run in runs(project) if run.data.tags["arm"] == "uniform"} == {"true"}


def test_a_run_of_edited_settings_says_in_its_name_what_differs_from_the_one_before_and_keeps_that_name(project):
    def names(changes):
        edit_params(changes)
        publish(load_params())
        return [run.info.run_name for run in runs(project) if run.data.tags["seed"] == "1"]

    assert names({}) == ["token-seed1", "uniform-seed1"]
    edited = ["token-seed1", "token-seed1, token.high 1.4", "uniform-seed1"]
    assert names({"temperature.token.token.high": 1.4}) == edited
    write_evaluation(paths.evaluation("token", 1, 2), 9)
    assert names({}) == edited, "another content of the same settings"
    assert "uniform-seed1, update.clip_low 0.1" in names({"update.clip_low": 0.1})
    assert "token-seed1, token.high 1.2" not in names({"temperature.token.token.high": 1.2, "update.clip_low": 0.2})


@pytest.mark.parametrize(
    ("now", "before", "name"),
    [
        ({"a": "1", "data.x": "1"}, None, "token-seed1"),
        ({"a": "1", "data.x": "1", "evaluate.samples": "4"}, {"a": "1"}, "token-seed1"),
        ({"new": "2", "a": "1"}, {"a": "0", "old": "3"}, "token-seed1, a 1, new 2, 1 more"),
        ({"a": "x" * 30}, {"a": "1"}, f"token-seed1, a {'x' * 23}…"),
    ],
)
def test_the_name_has_what_shapes_training_and_no_more_than_two_of_it(now, before, name):
    assert run_name("token-seed1", now, before) == name


def test_an_arms_own_loss_and_controller_are_among_its_params_and_in_its_description(project):
    own = {"update": {"top_entropy": 0.2}, "controller": {"kind": "entropy_target", "target": 0.3}}
    edit_params({"temperature.token": own})
    token, uniform = (read_record(load_params(), arm, 1) for arm in ("token", "uniform"))
    assert (token.params["update.top_entropy"], uniform.params["update.top_entropy"]) == ("0.2", "null")
    assert token.params["controller.kind"] == "entropy_target"
    assert "entropy_target (start 1.0, target 0.3" in token.description
    assert "update (top_entropy 0.2)" in token.description


@pytest.mark.parametrize("section", ["task", "model", "warm_start", "sampling", "reward", "update"])
def test_settings_that_shape_training_make_another_run(project, section):
    key = {"task": "bound", "model": "layers", "warm_start": "steps", "sampling": "prompts", "reward": "correct"}
    before = identities()
    edit_params({section: {key.get(section, "warmup_steps"): 777}})
    assert not before & identities()


def test_settings_that_only_look_at_the_results_keep_the_run(project):
    before = identities()
    edit_params({"evaluate.samples": 7, "report.resamples": 777})
    assert identities() == before


def test_an_unfinished_run_of_earlier_settings_is_removed(project):
    publish(load_params())
    client(project).delete_tag(run_of(project, "token-seed1").info.run_id, "mtpipe.content")
    edit_params({"temperature.token.token.high": 1.4})
    publish(load_params())
    of_seeds = [run.data.tags["seed"] for run in runs(project) if run.data.tags["arm"] == "token"]
    assert (of_seeds.count("1"), of_seeds.count("2")) == (1, 2)


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
    edit_params({"temperature.token.token.high": 1.4})
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
