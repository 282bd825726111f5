"""`python -m mtpipe compare`: two versions of a study from git and DVC's cache alone."""

import hashlib
import re
import subprocess

import pytest

from mtpipe.errors import MtpipeError
from mtpipe.records import EVALUATION, write_rows
from mtpipe.report.versions import CACHE, compare_versions
from mtpipe.settings.outputs import Report

PROBLEMS = 40


def git(*arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def entry(arm, seed, after, right, problems=PROBLEMS) -> str:
    """A lock entry of an evaluation whose first `right` problems are answered rightly; the file is in DVC's cache."""
    blank = {"benchmark": "same", "sample": 0, "answer": "1", "tokens": 3, "finish_reason": "stop", "text": "1"}
    rows = [
        {
            **blank,
            "problem_id": f"p{index}",
            "correct": index < right,
            "verdict": "correct" if index < right else "wrong",
        }
        for index in range(problems)
    ]
    md5 = hashlib.md5(f"{arm}{seed}{after}{right}{problems}".encode()).hexdigest()
    write_rows(CACHE / md5[:2] / md5[2:], rows, EVALUATION)
    path = f"data/evaluation/{arm}/seed{seed}/after{after}.parquet"
    return f"    outs:\n    - path: {path}\n      hash: md5\n      md5: {md5}\n      size: 1\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A commit `first`, an experiment `warm-rooks`, and a workspace with other problems."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    lock = tmp_path / "dvc.lock"
    lock.write_text(
        entry("token", 1, 2, 0) + entry("token", 1, 5, 10) + entry("uniform", 1, 5, 10) + entry("gone", 1, 5, 1)
    )
    git("add", "dvc.lock")
    git("commit", "-qm", "first")
    git("tag", "first")
    lock.write_text(entry("token", 1, 5, 25) + entry("uniform", 1, 5, 10) + entry("token", 2, 5, 40))
    git("commit", "-qam", "second")
    git("update-ref", "refs/exps/ab/cdef/warm-rooks", "HEAD")
    git("checkout", "-q", "first")
    lock.write_text(entry("token", 1, 5, 25, problems=30))
    return tmp_path


def row(said: str, arm: str) -> list[str]:
    return re.split(r"  +", next(line for line in said.splitlines() if line.startswith(arm)))


def test_arms_of_both_are_compared_after_their_last_round_over_the_seeds_of_both(project):
    said = compare_versions("first", "warm-rooks", Report())
    assert "gone" not in said
    arm = row(said, "token")
    assert arm[2:4] == ["25.0", "62.5"]
    assert arm[4].startswith("+37.5 [")
    assert arm[4].endswith("≠")
    equal = row(said, "uniform")
    assert equal[4].startswith(("0.0", "+0.0"))
    assert "≠" not in equal[4]
    assert "no claim about settings" in said, "one seed is in both"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("first", ".", "same problems"),
        ("nowhere", "first", "nowhere is no commit"),
        ("first", "empty", "has no evaluations"),
    ],
)
def test_what_cannot_be_compared_says_why(project, before, after, words):
    if after == "empty":
        (project / "dvc.lock").write_text("schema: '2.0'\n")
        git("commit", "-qam", "empty")
        git("tag", "empty")
    with pytest.raises(MtpipeError, match=words):
        compare_versions(before, after, Report())


def test_a_file_that_the_cache_has_lost_is_named_with_its_version(project):
    for cached in CACHE.rglob("*"):
        if cached.is_file():
            cached.unlink()
    with pytest.raises(MtpipeError, match="cache has lost an evaluation of first"):
        compare_versions("first", "warm-rooks", Report())
