"""Claims of paths, by which DVC commands keep out of each other's way."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mtpipe.errors import MtpipeError
from mtpipe.run.study.project import Project

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages:\n  make:\n    cmd: touch made\n    outs: [made]\n")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], check=True, timeout=60)
    return Project()


def claim_by(process: subprocess.Popen, command: str = "another") -> None:
    claim = {"pid": process.pid, "cmd": command}
    Path(".dvc/tmp/rwlock").write_text(json.dumps({"write": {str(Path("made").resolve()): claim}}))


def test_a_process_at_work_keeps_its_claim_and_a_killed_one_loses_it_before_its_parent_collects_it(project):
    process = subprocess.Popen(["sleep", "60"])
    claim_by(process)
    with pytest.raises(MtpipeError, match=f"process {process.pid} "), project.claimed([project.stage("make")]):
        pass
    process.kill()
    while Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
        pass
    with project.claimed([project.stage("make")]):
        assert str(Path("made").resolve()) in json.loads(Path(".dvc/tmp/rwlock").read_text())["write"]
    process.wait()


def test_a_killed_part_loses_its_claims_also_if_an_unrelated_process_has_its_number(project):
    with subprocess.Popen(["sleep", "60"]) as unrelated:
        claim_by(unrelated, " ".join(sys.argv))
        claims = json.loads(Path(".dvc/tmp/rwlock").read_text())
        others = {"pid": unrelated.pid, "cmd": "another"}
        mine = {"pid": unrelated.pid, "cmd": " ".join(sys.argv)}
        claims["read"] = {"/read/by/both": [mine, others], "/read/by/it": [mine]}
        Path(".dvc/tmp/rwlock").write_text(json.dumps(claims))
        with project.claimed([project.stage("make")]):
            claimed = json.loads(Path(".dvc/tmp/rwlock").read_text())
        unrelated.kill()
    assert [info["pid"] for info in claimed["write"].values()] == [os.getpid()]
    assert claimed["read"] == {"/read/by/both": [others]}


@pytest.mark.parametrize("left", ["{}", '{"write": {"/a'])
def test_a_part_ends_well_if_its_claims_are_gone_or_cut(project, left):
    with project.claimed([project.stage("make")]):
        Path(".dvc/tmp/rwlock").write_text(left)
    with project.claimed([project.stage("make")]):
        assert str(Path("made").resolve()) in json.loads(Path(".dvc/tmp/rwlock").read_text())["write"]
