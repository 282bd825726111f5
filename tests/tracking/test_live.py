"""Live curves on a real MLflow; what a published run holds is in test_publishing.py."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT, edit_params
from published import history, run_of, runs

from mtpipe import paths
from mtpipe.owner import OWNER, Process
from mtpipe.params import load_params
from mtpipe.tracking import live
from mtpipe.tracking.forwarder import Forwarder
from mtpipe.tracking.identity import write_planned_runs
from mtpipe.tracking.live import FORWARDER, LOCK
from mtpipe.tracking.live_run import read_points
from mtpipe.tracking.publishing import publish

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def owned(monkeypatch) -> None:
    """This process is what stages have in common, and a stage starts no forwarder unless a test does."""
    monkeypatch.setenv(OWNER, str(os.getpid()))
    monkeypatch.setattr(live, "start_forwarder", lambda owner: paths.LIVE.mkdir(parents=True, exist_ok=True))


def tell(section: str, metrics: dict[str, Any], step: int) -> None:
    """What a stage of token-seed1 that begins now has to tell."""
    write_planned_runs(load_params())
    live.listener({"arm": "token", "seed": 1})(section, metrics, step)


def forwarder() -> Forwarder:
    return Forwarder(load_params().tracking)


def test_what_stages_tell_goes_to_a_run_that_is_marked_as_live(project):
    for step in (1, 2):  # two stages of one run
        tell("step", {"loss": step / 4, "checked": True, "note": "no number"}, step)
    forwarder().forward()
    (run,) = runs(project)
    assert (run.info.run_name, run.info.status) == ("token-seed1 (live)", "RUNNING")
    assert (run.data.tags["mtpipe.live"], run.data.tags["mtpipe.current"]) == ("true", "true")
    assert "mtpipe.content" not in run.data.tags
    assert history(project, run, "step/loss") == [(1, 0.25), (2, 0.5)]
    assert run.data.metrics.keys() == {"step/loss"}


def test_a_forwarder_sends_what_is_new_alone_and_another_one_goes_on_where_it_was_killed(project):
    first = forwarder()
    for step in (1, 2):
        tell("step", {"loss": step / 4}, step)
        assert first.forward()
    assert not first.forward()
    tell("step", {"loss": 0.75}, 3)
    forwarder().forward()
    (run,) = runs(project)
    assert history(project, run, "step/loss") == [(1, 0.25), (2, 0.5), (3, 0.75)]


def test_a_step_that_a_killed_stage_has_told_and_its_successor_tells_again_is_there_once(project):
    at_work = forwarder()
    for loss in (0.25, 0.5):
        tell("step", {"loss": loss}, 1)
        time.sleep(0.002)  # the time in milliseconds tells them apart
        at_work.forward()
    (run,) = runs(project)
    assert history(project, run, "step/loss") == [(1, 0.5)]


def test_a_line_that_is_being_written_waits_for_its_end(project):
    tell("step", {"loss": 0.25}, 1)
    (file,) = paths.LIVE.glob("*.jsonl")
    whole = file.read_text()
    file.write_text(whole + whole[:20])
    assert len(read_points(file)) == 1


def test_publishing_replaces_the_live_run_by_the_complete_one(project):
    tell("step", {"loss": 9.0}, 1)
    at_work = forwarder()
    at_work.forward()
    assert publish(load_params()).done["token-seed1"] == "replaced"
    assert not at_work.forward(), "what stages have told is gone"
    at_work.leave()
    assert history(project, run_of(project, "token-seed1"), "step/loss") == [(1, 0.0), (2, 0.125), (3, 0.0), (4, 0.125)]
    assert not [run for run in runs(project) if "live" in run.info.run_name]
    assert {run.info.status for run in runs(project)} == {"FINISHED"}


def test_a_live_run_of_settings_that_are_gone_is_removed(project):
    tell("step", {"loss": 9.0}, 1)
    forwarder().forward()
    edit_params({"temperature.token.token.high": 1.4})
    publish(load_params())
    assert len(runs(project)) == 4


def test_lines_of_settings_that_are_gone_are_left_alone(project):
    tell("step", {"loss": 9.0}, 1)
    edit_params({"temperature.token.token.high": 1.4})
    write_planned_runs(load_params())
    forwarder().forward()
    assert not runs(project)


def forward_for(owner: subprocess.Popen) -> subprocess.Popen:
    """A forwarder as a stage starts it, for a process that may be killed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-m", FORWARDER, str(Process.of(owner.pid))], env=environment)


def test_the_forwarder_ends_with_its_owner_after_a_last_batch_and_leaves_no_run_that_seems_to_go_on(project):
    tell("step", {"loss": 0.25}, 1)
    owner = subprocess.Popen(["sleep", "600"])
    at_work = forward_for(owner)
    while not LOCK.exists():
        time.sleep(0.1)
    assert os.getpriority(os.PRIO_PROCESS, at_work.pid) == 19, "training goes first"
    tell("step", {"loss": 0.5}, 2)
    owner.kill()
    owner.wait()
    assert at_work.wait(600) == 0
    (run,) = runs(project)
    assert history(project, run, "step/loss") == [(1, 0.25), (2, 0.5)]
    assert run.info.status == "KILLED"
    forwarder().forward()
    tell("step", {"loss": 0.75}, 3)
    forwarder().forward()
    (run,) = runs(project)
    assert (run.info.status, run.data.metrics["step/loss"]) == ("RUNNING", 0.75)


def a_file(project: Path) -> None:
    shutil.rmtree(paths.MLFLOW)
    paths.MLFLOW.write_text("no folder")


def nonsense(project: Path) -> None:
    edit_params({"tracking": {"uri": "nonsense://x"}})


def damaged(project: Path) -> None:
    (paths.MLFLOW / "mlflow.db").write_text("no database")


@pytest.mark.parametrize("broken", [a_file, nonsense, damaged])
def test_where_mlflow_does_not_work_one_stage_says_so_and_none_stops(project, capsys, broken):
    tell("step", {"loss": 1.0}, 1)
    broken(project)
    here = Process.current()
    assert (
        subprocess.run(
            [sys.executable, "-m", FORWARDER, str(here)], env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=600
        ).returncode
        == 0
    )
    assert [live.listener({"arm": "token", "seed": 1}) for _ in range(2)] == [None, None]
    warned = capsys.readouterr().err
    assert warned.count("warning: no live curves in MLflow") == 1
    assert "params.yaml: tracking.uri" in warned
    live.fail(Process(here.number, here.started + 1), "another owner's")
    assert live.listener({"arm": "token", "seed": 1}) is not None


def test_lines_that_cannot_be_written_are_said_once(project, capsys):
    write_planned_runs(load_params())
    add = live.listener({"arm": "token", "seed": 1})
    shutil.rmtree(paths.LIVE)
    for step in (1, 2):
        add("step", {"loss": 1.0}, step)
    assert capsys.readouterr().err.count("warning: no live curves in MLflow") == 1


def test_a_stage_loads_neither_mlflow_nor_all_settings(project):
    write_planned_runs(load_params())
    code = (
        "import sys; from mtpipe.tracking import live\n"
        "live.start_forwarder = lambda owner: live.paths.LIVE.mkdir(parents=True, exist_ok=True)\n"
        "live.listener({'arm': 'token', 'seed': 1})('step', {'loss': 1.0}, 1)\n"
        "sys.exit(bool({'mlflow', 'mtpipe.params'} & sys.modules.keys()))"
    )
    environment = {"PYTHONPATH": str(ROOT), OWNER: str(os.getpid())}
    assert subprocess.run([sys.executable, "-c", code], cwd=project, env=environment).returncode == 0
    assert len(list(paths.LIVE.glob("*.jsonl"))) == 1


def test_a_stage_of_no_run_tells_nothing_and_none_does_where_it_is_switched_off(project):
    write_planned_runs(load_params())
    assert live.listener({}) is None
    assert live.listener({"arm": "token", "seed": 1}) is not None
    edit_params({"tracking": {"live": False}})
    write_planned_runs(load_params())
    assert live.listener({"arm": "token", "seed": 1}) is None
