"""A queued experiment with what a user keeps outside git: docs/experiments.md."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from builders import ROOT

pytestmark = pytest.mark.pipeline

STAGE = "stages:\n  one:\n    cmd: cat {0} > out\n    deps: [{1}]\n    params: [temperature]\n    outs: [out]\n"
OWN = ["inputs/own.jsonl", "models/own/config.json", "plugins/own.py"]


def test_the_documented_command_takes_own_data_models_and_plugins_along(tmp_path):
    def call(*command: str) -> str:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        names = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {**os.environ, **names, "PATH": path, "DVC_NO_ANALYTICS": "1"}
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    (tmp_path / "dvc.yaml").write_text(STAGE.format(" ".join(OWN), ", ".join(OWN)))
    (tmp_path / "params.yaml").write_text("temperature: 1.0\n")
    (tmp_path / ".gitignore").write_text((ROOT / ".gitignore").read_text())
    for command in (
        ["git", "init", "-q"],
        ["dvc", "init", "-q"],
        ["git", "add", "-A"],
        ["git", "commit", "-qm", "one"],
    ):
        call(*command)
    for name in OWN:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    documented = re.search(r"exp run --queue .*?((?:-C \w+ ?)+)", (ROOT / "docs" / "experiments.md").read_text())
    assert documented is not None
    call("dvc", "exp", "run", "--queue", "-n", "hotter", *documented[1].split(), "-S", "temperature=1.4")
    call("dvc", "exp", "run", "--run-all")
    assert "hotter" in call("dvc", "exp", "list", "--name-only")
    call("dvc", "exp", "apply", "hotter")
    assert (tmp_path / "out").read_text().split() == OWN
