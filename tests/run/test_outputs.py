"""Outputs against dvc.lock, in a real DVC project: missing, cut and edited ones, also if DVC believes them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import ROOT
from projects import dvc

from mtpipe.errors import MtpipeError
from mtpipe.run.outputs import check_outputs, describe

pytestmark = pytest.mark.slow

STAGES = """
stages:
  one:
    cmd: printf content > one.txt
    outs: [one.txt]
  folder:
    cmd: mkdir -p made/deep && printf weights > made/deep/model && printf text > made/note
    outs: [made]
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    project = tmp_path_factory.mktemp("project")
    (project / "dvc.yaml").write_text(STAGES)
    dvc(project, "init", "--no-scm", "-q")
    dvc(project, "repro", "-q")
    return project


@pytest.fixture
def project(finished, monkeypatch) -> Path:
    monkeypatch.chdir(finished)
    subprocess.run(["rm", "-rf", "one.txt", "made"], check=True)
    dvc(finished, "checkout", "-q")
    return finished


def faults() -> dict[str, str]:
    return {fault.path.as_posix(): fault.what for fault in check_outputs()[1]}


def test_outputs_as_they_were_made_have_no_fault(project):
    assert check_outputs() == (2, [])


def test_what_is_missing_cut_or_edited_is_named(project):
    Path("one.txt").write_text("cont")
    Path("made/deep/model").write_text("WEIGHTS")
    Path("made/note").unlink()
    Path("made/new").write_text("new")
    assert faults() == {
        "one.txt": "cut",
        "made/deep/model": "edited",
        "made/note": "missing",
        "made/new": "not in dvc.lock",
    }
    count, found = check_outputs()
    text = describe(count, found)
    assert "rm -r one.txt made" in text
    assert "dvc checkout one.txt made" in text


def test_a_file_whose_size_and_time_are_the_old_ones_is_read(project):
    path = Path("one.txt")
    times = path.stat()
    with open(path, "r+") as file:  # in place, as a failing disk would
        file.write("CONTENT")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert faults() == {"one.txt": "edited"}


def test_a_folder_without_its_list_in_the_cache_is_held_as_a_whole(project, tmp_path):
    count, found = check_outputs(cache=tmp_path)
    assert (count, found) == (2, [])
    Path("made/note").write_text("texts")
    assert {fault.path.as_posix(): fault.what for fault in check_outputs(cache=tmp_path)[1]} == {"made": "edited"}


@pytest.mark.parametrize("content", ["", "schema: '2.0'\nstages:\n  one: {outs: [", "schema: '2.0'\n"])
def test_a_cut_lock_file_is_told_with_the_way_back(tmp_path, content):
    (tmp_path / "dvc.lock").write_text(content)
    with pytest.raises(MtpipeError, match=r"dvc\.lock is not whole .*git checkout"):
        check_outputs(tmp_path / "dvc.lock")


def test_the_command_ends_with_1_if_there_is_a_fault(project):
    def run() -> int:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run([sys.executable, "-m", "mtpipe", "check"], cwd=project, env=environment).returncode

    assert run() == 0
    Path("one.txt").unlink()
    assert run() == 1
