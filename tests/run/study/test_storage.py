"""`storage.keep`: a study that frees its old policies while it runs, against one that keeps them all."""

import json
import time

import pytest
from ruamel.yaml import YAML
from study_projects import ARMS, CLOSING, Project, kill, start, wait_for

from benchmarks.trivial_study import make_study
from mtpipe.params import Params
from mtpipe.settings.rounds import spelled_out

pytestmark = pytest.mark.pipeline
ROUNDS = 3


def edit(project: Project, **sections: dict) -> None:
    """Changes settings of the project's params.yaml."""
    path = project.folder / "params.yaml"
    params = json.loads(path.read_text())
    for name, changes in sections.items():
        params[name] = {**params[name], **changes} if isinstance(changes, dict) else changes
    path.write_text(json.dumps(Params.model_validate(params).model_dump(mode="json"), indent=1))


def results(project: Project) -> tuple[dict, dict]:
    """dvc.lock without the setting itself, and what the report's stage wrote."""
    entries = YAML(typ="safe").load(project.lock)["stages"]
    entries["plan"]["params"]["params.yaml"].pop("storage")
    report = {path.name: path.read_text() for path in (project.folder / "report").rglob("*") if path.is_file()}
    return entries, report


def left(project: Project) -> dict[str, set[str]]:
    """The policies and the optimizer states that are there, by arm."""
    return {
        arm: {
            f"{kind[0]}{path.stem.removeprefix('round')}"
            for kind in ("policies", "optimizers")
            for path in (project.folder / "data" / kind / arm / "seed1").glob("round*")
        }
        for arm in ARMS
    }


def cached(project: Project) -> set[str]:
    """The same by what DVC's cache has of them."""
    found = set()
    for stage in YAML(typ="safe").load(project.lock)["stages"].values():
        for out in stage["outs"]:
            kind, arm, _, name = (*out["path"].split("/")[1:], "", "", "")[:4]
            if kind in ("policies", "optimizers") and arm == "arm0":
                md5 = out["md5"]
                if (project.folder / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]).is_file():
                    found.add(f"{kind[0]}{name.removeprefix('round').removesuffix('.safetensors')}")
    return found


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Project:
    """Two arms with three rounds, evaluated after the first and the last; nothing has run."""
    folder = tmp_path_factory.mktemp("storage") / "project"
    make_study(folder, arms=len(ARMS), seeds=1, rounds=ROUNDS)
    project = Project(folder)
    edit(project, evaluate={"after": [1, ROUNDS]})
    return project


@pytest.fixture(scope="module")
def whole(study, tmp_path_factory) -> Project:
    """Run without storage.keep."""
    project = study.copy(tmp_path_factory.mktemp("storage") / "project")
    project.run()
    return project


def run_watched(project: Project) -> dict[str, int]:
    """Runs the study, and returns how many policies and how many optimizer states of an arm there were at the most."""
    started, seen = start(project, SECONDS="0.1"), []
    while started.poll() is None:
        seen += left(project).values()
        time.sleep(0.01)
    assert started.returncode == 0, started.stdout.read()
    return {kind: max(sum(name[0] == kind for name in names) for names in seen) for kind in "po"}


@pytest.fixture(scope="module")
def thin_and_most(study, tmp_path_factory) -> tuple[Project, dict[str, int]]:
    """Run with storage.keep: 0, and what was there at the most."""
    project = study.copy(tmp_path_factory.mktemp("storage") / "project")
    edit(project, storage={"keep": 0})
    return project, run_watched(project)


@pytest.fixture(scope="module")
def thin(thin_and_most) -> Project:
    return thin_and_most[0]


@pytest.fixture
def finished(thin, tmp_path) -> Project:
    return thin.copy(tmp_path / "project")


def test_the_results_are_those_of_a_study_that_keeps_all_and_nothing_is_left_to_do(thin, whole):
    assert results(thin) == results(whole)
    assert left(whole)["arm0"] == {f"{kind}{n}" for kind in "po" for n in range(ROUNDS + 1)} == cached(whole)
    assert left(thin) == {arm: {"p3", "o0"} for arm in ARMS}, "the last policy, and the empty state of round 0"
    assert cached(thin) == {"p3", "o0"}
    assert thin.run() == set()
    assert thin.repro("--allow-missing") == set()


def test_the_disk_is_bounded_while_the_study_runs_and_the_last_ones_stay(thin_and_most, study, tmp_path):
    """What is there at the most: the policies of a round's update and what stays; a state more is round 0's."""
    _, most = thin_and_most
    assert 0 < most["p"] <= 2
    assert 0 < most["o"] <= 3
    project = study.copy(tmp_path / "project")
    edit(project, storage={"keep": 2}, evaluate={"after": [ROUNDS]})
    most = run_watched(project)
    assert most["p"] <= 3
    assert most["o"] <= 4
    assert left(project) == {arm: {"o0", "p2", "o2", "p3", "o3"} for arm in ARMS}


def test_a_study_that_is_killed_at_several_moments_ends_with_the_same(study, whole, tmp_path):
    project = study.copy(tmp_path / "project")
    edit(project, storage={"keep": 0})
    for stage in ("rollout@arm0-1-round1", "evaluate@arm0-1-1", "update@arm0-1-round2", "evaluate@arm1-1-3"):
        started = start(project, SECONDS="0.2")
        wait_for(project, stage, started)
        kill(project, started)
    again = project.run()
    assert not again & {"rollout@arm0-1-round0", "update@arm0-1-round1"}, "nothing trains twice"
    assert results(project) == results(whole)
    assert left(project) == {arm: {"p3", "o0"} for arm in ARMS}


def test_an_edit_that_needs_a_removed_policy_says_so_and_retrains_on_command_alone(finished, whole, tmp_path):
    other = whole.copy(tmp_path / "other")
    for project in (finished, other):
        edit(project, evaluate={"samples": 7})
    said = finished.try_to_run()
    assert said.returncode == 1
    assert "evaluate@arm0-1-1 has to run and needs data/policies/arm0/seed1/round1: removed" in said.stdout
    assert "--retrain" in said.stdout
    assert finished.ran() <= {"plan", "evaluate_start"}, "nothing of a chain"

    other.run()
    assert finished.run("--retrain") == {
        *(f"{stage}@{arm}-1" for stage in ("start", "measure") for arm in ARMS),
        *(f"{stage}@{arm}-1-{n}" for stage, n in (("evaluate", 1), ("evaluate", 3)) for arm in ARMS),
        *(f"update@{arm}-1-round0" for arm in ARMS),
        *CLOSING,
    }
    assert results(finished) == results(other)
    assert left(finished) == {arm: {"p3", "o0"} for arm in ARMS}


MORE = {"rounds": [round.model_dump() for round in spelled_out(4)], "evaluate": {"after": [1, 4]}}


def test_a_finished_study_gives_its_old_policies_back_when_the_setting_is_made_and_goes_on(whole, tmp_path):
    project = whole.copy(tmp_path / "project")
    edit(project, storage={"keep": 1})
    assert project.run() == {"plan"}
    assert left(project) == {arm: {"p3", "o3", "o0"} for arm in ARMS}
    assert project.run() == set()
    edit(project, **MORE)
    new = {f"{stage}@{arm}-1-round3" for stage in ("rollout", "verify", "update") for arm in ARMS}
    new |= {f"{stage}@{arm}" for stage, arm in (("evaluate", "arm0-1-4"), ("evaluate", "arm1-1-4"))}
    assert project.run() == {"plan", *new, "measure@arm0-1", "measure@arm1-1", *CLOSING}
    assert left(project) == {arm: {"p4", "o4", "o0"} for arm in ARMS}


def test_an_edit_of_the_first_round_trains_without_being_asked_twice(finished, whole, tmp_path):
    other = whole.copy(tmp_path / "other")
    for project in (finished, other):
        edit(project, update={"learning_rate": 1.0e-3})
    assert finished.run() == other.run() | {f"start@{arm}-1" for arm in ARMS}, "a copy, and it was removed"
    assert results(finished) == results(other)


def test_new_rounds_say_at_once_if_the_state_that_they_go_on_from_was_removed(finished):
    edit(finished, **MORE)
    said = finished.try_to_run()
    assert "update@arm0-1-round3 has to run and needs data/optimizers/arm0/seed1/round3.safetensors" in said.stdout
    assert finished.ran() <= {"plan"}, "not even its rollouts"
