"""Chains that are made elsewhere: one by one over a shared folder, in a clone with a common remote, and by Ray."""

import shutil
import socket
from pathlib import Path

import pytest
from builders import ROOT
from study_projects import ARMS, CLOSING, SHARED, chain

from benchmarks.trivial_study import write_params

pytestmark = pytest.mark.pipeline


def test_chains_made_one_by_one_are_merged_into_the_lock_of_dvc_repro(new, by_dvc):
    early = new.try_to_run("--chain", "arm0-1", jobs=None)
    assert early.returncode == 1
    assert "--chain shared" in early.stderr
    for part in ("shared", "arm1-1"):
        assert new.try_to_run("--chain", part, jobs=None).returncode == 0
    before = new.lock
    incomplete = new.try_to_run("--merge", jobs=None)
    assert incomplete.returncode == 1
    assert "arm0-1: start@arm0-1 has not been made" in incomplete.stderr
    assert "arm1-1:" not in incomplete.stderr
    assert "update@arm1-1-round0" not in before, "a chain by itself leaves dvc.lock alone"
    assert "update@arm1-1-round0" in new.lock
    assert new.try_to_run("--chain", "arm0-1", jobs=None).returncode == 0
    assert new.try_to_run("--merge", jobs=None).returncode == 0
    assert new.ran() == {"evaluate_start", *CLOSING}
    assert new.lock == by_dvc.lock
    assert new.status() == "Data and pipelines are up to date."


def test_a_chain_made_from_other_settings_is_named_and_what_it_made_stays(new):
    for part in ("shared", "arm0-1"):
        assert new.try_to_run("--chain", part, jobs=None).returncode == 0
    kept = (new.folder / "data" / "chains" / "arm0-1" / "lock.jsonl").read_text()
    write_params(new.folder, ARMS, [1], 1, arm0=1.2)
    stale = new.try_to_run("--merge", jobs=None)
    assert "plan is not up to date" in stale.stderr
    assert new.try_to_run("--chain", "shared", jobs=None).returncode == 0
    told = new.try_to_run("--merge", jobs=None)
    assert told.returncode == 1
    assert "arm0-1: rollout@arm0-1-round0 was made from other settings" in told.stderr
    assert (new.folder / "data" / "chains" / "arm0-1" / "lock.jsonl").read_text() == kept


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--chain", "arm7-1"], ["--chain", "arm7-1", "arm0-1", "arm1-1"]),
        (["--chain", "arm0-1", "--seeds", "1"], ["--seeds", "--chain"]),
        (["--pull"], ["--pull", "remote"]),
    ],
)
def test_bad_arguments_are_named(new, flags, words):
    ended = new.try_to_run(*flags, jobs=None)
    assert ended.returncode == 1
    assert all(word in ended.stderr for word in words)
    assert not (new.folder / "dvc.lock").exists()


def test_a_task_beyond_the_last_chain_does_not_make_the_whole_study(new):
    ended = new.try_to_run("--chain", "", jobs=None)
    assert ended.returncode == 2
    assert "more tasks than there are chains" in ended.stderr
    assert not (new.folder / "dvc.lock").exists()


def test_a_clone_makes_a_chain_that_comes_back_through_the_remote(new, by_dvc, tmp_path):
    new.call("dvc", "remote", "add", "-d", "common", str(tmp_path / "remote"))
    other = new.copy(tmp_path / "other")
    assert other.run("--arms", "arm1") == SHARED | chain("arm1")
    other.call("dvc", "push", "-q", "--run-cache")
    shutil.rmtree(other.folder)
    assert new.run("--pull") == chain("arm0") | CLOSING
    assert new.lock == by_dvc.lock


def test_an_experiment_is_saved_of_what_a_run_has_made(by_dvc, tmp_path):
    finished = by_dvc.copy(tmp_path / "project")
    for command in (["git", "add", "-A"], ["git", "commit", "-qm", "made", "--author", "A <a@b.c>"]):
        finished.call(*command, GIT_COMMITTER_NAME="A", GIT_COMMITTER_EMAIL="a@b.c")
    write_params(finished.folder, ARMS, [1], 1, arm1=1.2)
    finished.run()
    finished.call("dvc", "exp", "save", "-n", "warmer")
    assert "warmer" in finished.call("dvc", "exp", "list", "--name-only").stdout
    assert finished.repro() == set()


def test_an_address_without_a_cluster_is_refused(new):
    pytest.importorskip("ray")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = new.try_to_run("--address", address, jobs=None)
    assert ended.returncode == 1
    assert address in ended.stderr
    assert not (new.folder / "dvc.lock").exists()


def test_parts_that_are_tasks_of_ray_make_the_same_lock(new, by_dvc):
    """A fake of Ray starts them; a real cluster of two machines does so below."""
    path = f"{Path(__file__).with_name('fake_ray')}:{ROOT}"
    with socket.create_server(("127.0.0.1", 0)) as cluster:
        address = f"127.0.0.1:{cluster.getsockname()[1]}"
        ended = new.try_to_run("--address", address, jobs="2", PYTHONPATH=path)
        made = new.ran()
        crowded = new.try_to_run("--address", address, jobs="3", PYTHONPATH=path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert made == SHARED | chain("arm0") | chain("arm1") | CLOSING
    assert new.lock == by_dvc.lock
    assert "room for 2 at a time, and --jobs is 3" in crowded.stderr


@pytest.mark.exhaustive
def test_two_machines_of_a_ray_cluster_make_the_same_lock(new, by_dvc):
    utils = pytest.importorskip("ray.cluster_utils")
    cluster = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        assert new.run("--address", cluster.address, jobs="2") == SHARED | chain("arm0") | chain("arm1") | CLOSING
        crowded = new.try_to_run("--address", cluster.address, jobs="3")
    finally:
        cluster.shutdown()
    assert new.lock == by_dvc.lock
    assert "room for 2 at a time, and --jobs is 3" in crowded.stderr
