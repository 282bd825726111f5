"""Commands of stages that a chain's process gives to the server itself."""

import os
import sys
from types import SimpleNamespace

import pytest
from dvc.stage.exceptions import StageCmdFailedError
from dvc.stage.run import cmd_run

from mtpipe.run.study.launched import without_launchers

ROLLOUT = "python -m mtpipe.run.launch rollout --arm token --seed 1 --round 0"


@pytest.fixture
def server(monkeypatch):
    """What would be asked of the server, which answers with `status`."""
    asked = SimpleNamespace(status=0, requests=[])

    def run_in_server(stage, arguments, environment, folder):
        asked.requests.append((stage, arguments, environment, folder))
        return asked.status

    monkeypatch.setattr("mtpipe.run.study.launched.run_in_server", run_in_server)
    return asked


def run(cmd: str, folder) -> None:
    """As DVC runs a stage's command."""
    repo = SimpleNamespace(root_dir=str(folder))
    with without_launchers():
        cmd_run(SimpleNamespace(cmd=cmd, wdir=str(folder), addressing="rollout@token-1-round0", repo=repo))


def test_a_stage_is_asked_of_the_server_in_dvc_s_folder_and_environment(tmp_path, monkeypatch, server):
    monkeypatch.setenv("MINE", "1")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    run(ROLLOUT, tmp_path)
    [(stage, arguments, environment, folder)] = server.requests
    assert (stage, arguments, folder) == (
        "rollout", ["--arm", "token", "--seed", "1", "--round", "0"], str(tmp_path)
    )  # fmt: skip
    assert environment["MINE"] == "1"
    assert environment["DVC_STAGE"] == "rollout@token-1-round0"
    assert environment["DVC_ROOT"] == str(tmp_path)
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert "OMP_WAIT_POLICY" not in os.environ
    assert "DVC_STAGE" not in os.environ


def test_a_stage_that_fails_there_fails_as_a_command_does(tmp_path, server):
    server.status = 3
    with pytest.raises(StageCmdFailedError, match="exited with 3"):
        run(ROLLOUT, tmp_path)


@pytest.mark.parametrize("status", [None, 0])
@pytest.mark.parametrize("ending", ["", " && true", " > other", " 'a b'", " $HOME", " *"])
def test_what_the_server_does_not_take_and_other_commands_run_as_ever(tmp_path, monkeypatch, server, status, ending):
    server.status = status
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\necho "$@" > ran\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    run(ROLLOUT + ending, tmp_path)
    taken = status == 0 and not ending
    assert (tmp_path / "ran").exists() or (tmp_path / "other").exists() or taken
    assert len(server.requests) == (not ending)
    run(f'{sys.executable} -c \'open("own", "w")\'', tmp_path)
    assert (tmp_path / "own").exists()


def test_dvc_starts_its_own_process_again_afterwards(tmp_path, server):
    run(ROLLOUT, tmp_path)
    repo = SimpleNamespace(root_dir=str(tmp_path))
    with pytest.raises(StageCmdFailedError):
        cmd_run(SimpleNamespace(cmd=ROLLOUT, wdir=str(tmp_path), addressing="x", repo=repo))
    assert len(server.requests) == 1
