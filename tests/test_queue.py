"""Experiments in a copy of the project: docs/experiments.md and docs/study.md."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import ROOT

pytestmark = pytest.mark.pipeline

STAGE = "stages:\n  one:\n    cmd: {0}\n    deps: [{1}]\n    params: [temperature]\n    outs: [out]\n"
OWN = ["inputs/own.jsonl", "models/own/config.json", "plugins/own.py"]
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(tmp_path) -> Call:
    """Runs a command in the project."""

    def run(*command: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        names = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {**os.environ, **names, "PATH": path, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"}
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert bool(ended.returncode) == fails, ended.stdout + ended.stderr
        return ended

    return run


def make_project(folder: Path, call: Call, command: str, dependencies: str) -> None:
    """A project with one stage, committed."""
    (folder / "dvc.yaml").write_text(STAGE.format(command, dependencies))
    (folder / "params.yaml").write_text("temperature: 1.0\n")
    (folder / ".gitignore").write_text((ROOT / ".gitignore").read_text())
    for each in (["git", "init", "-q"], ["dvc", "init", "-q"], ["git", "add", "-A"], ["git", "commit", "-qm", "one"]):
        call(*each)


def test_the_documented_command_takes_own_data_models_and_plugins_along(tmp_path, call):
    make_project(tmp_path, call, f"cat {' '.join(OWN)} > out", ", ".join(OWN))
    for name in OWN:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    documented = re.search(r"exp run --queue .*?((?:-C \w+ ?)+)", (ROOT / "docs" / "experiments.md").read_text())
    assert documented is not None
    call("dvc", "exp", "run", "--queue", "-n", "hotter", *documented[1].split(), "-S", "temperature=1.4")
    call("dvc", "exp", "run", "--run-all")
    assert "hotter" in call("dvc", "exp", "list", "--name-only").stdout
    call("dvc", "exp", "apply", "hotter")
    assert (tmp_path / "out").read_text().split() == OWN


def test_a_run_inside_a_queued_experiment_says_what_to_do_instead(tmp_path, call):
    make_project(tmp_path, call, "python -m mtpipe run", "")
    said = call("dvc", "exp", "run", "--temp", fails=True)
    assert "DVC's stage" in said.stderr
    assert "dvc exp save" in said.stderr
