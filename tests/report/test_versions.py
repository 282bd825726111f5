"""`python -m mtpipe compare`: two versions of a study from git and DVC's cache alone."""

import hashlib
import re
import subprocess
from dataclasses import replace

import pytest
from builders import write_params

from mtpipe.errors import MtpipeError
from mtpipe.records import EVALUATION, write_rows
from mtpipe.report.versions import CACHE, as_text, compare_versions, scores
from mtpipe.report.versions_page import versions_page
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
    (tmp_path / "params.yaml").write_text("arms: [token, uniform, gone]\nseeds: [1, 2]\n")
    lock.write_text(
        entry("token", 1, 2, 0) + entry("token", 1, 5, 10) + entry("uniform", 1, 5, 10) + entry("gone", 1, 5, 1)
    )
    git("add", "dvc.lock", "params.yaml")
    git("commit", "-qm", "first")
    git("tag", "first")
    lock.write_text(entry("token", 1, 5, 25) + entry("uniform", 1, 5, 10) + entry("token", 2, 5, 40))
    git("commit", "-qam", "second")
    git("update-ref", "refs/exps/ab/cdef/warm-rooks", "HEAD")
    git("checkout", "-q", "first")
    lock.write_text(entry("token", 1, 5, 25, problems=30))
    return tmp_path


def told(before: str, after: str) -> str:
    report = Report()
    return as_text(before, after, compare_versions(before, after, report), report)


def row(said: str, arm: str) -> list[str]:
    return re.split(r"  +", next(line for line in said.splitlines() if line.startswith(arm)))


def test_arms_of_both_are_compared_after_their_last_round_over_the_seeds_of_both(project):
    said = told("first", "warm-rooks")
    assert "gone" not in said
    arm = row(said, "token")
    assert arm[2:4] == ["25.0", "62.5"]
    assert arm[4].startswith("+37.5 [")
    assert arm[4].endswith("≠")
    equal = row(said, "uniform")
    assert equal[4].startswith(("0.0", "+0.0"))
    assert "≠" not in equal[4]
    assert "no claim about settings" in said, "one seed is in both"


def test_what_dvc_lock_still_has_of_earlier_settings_takes_no_part(project):
    (project / "params.yaml").write_text("arms: [token]\nseeds: [2]\nevaluate: {after: [5]}\n")
    earlier = entry("token", 1, 5, 40) + entry("token", 2, 10, 40) + entry("uniform", 2, 5, 40)
    (project / "dvc.lock").write_text(earlier + entry("token", 2, 5, 10))
    assert scores(".") == {("token", "same"): {5: {2: {f"p{index}": float(index < 10) for index in range(PROBLEMS)}}}}


def made(name: str, reads: dict[str, str], writes: dict[str, str]) -> str:
    """The lock entry of a stage."""
    parts = [("deps", reads), ("outs", writes)]
    lines = [
        line
        for section, found in parts
        for line in [f"    {section}:", *(f"    - path: {path}\n      md5: {md5}" for path, md5 in found.items())]
    ]
    return "\n".join([f"  {name}:", *lines, ""])


@pytest.mark.parametrize("stale", [None, "benchmarks", "policy", "warm_start"])
def test_an_evaluation_that_was_made_from_what_is_no_longer_there_takes_no_part(project, capsys, stale):
    """Of seed 1; seed 2's chain has run since. The warm start is three stages before the evaluation."""
    (project / "params.yaml").write_text("arms: [token]\nseeds: [1, 2]\nevaluate: {after: [5]}\n")
    now = {"benchmarks": "b2", "policy1": "p1", "policy2": "p2", "warm_start": "w2"}
    lock = made("shared", {}, {"benchmarks": now["benchmarks"], "warm_start": now["warm_start"]})
    for seed in (1, 2):
        old = {stale: "old"} if seed == 1 else {}
        lock += made(f"start@{seed}", {"warm_start": old.get("warm_start", "w2")}, {f"first{seed}": f"f{seed}"})
        lock += made(f"update@{seed}", {f"first{seed}": f"f{seed}"}, {f"policy{seed}": f"p{seed}"})
        reads = {f"policy{seed}": old.get("policy", f"p{seed}"), "benchmarks": old.get("benchmarks", "b2")}
        lock += made(f"evaluate@{seed}", reads, {}).removesuffix("    outs:\n") + entry("token", seed, 5, 10)
    (project / "dvc.lock").write_text(lock)
    assert list(scores(".")["token", "same"][5]) == ([1, 2] if stale is None else [2])
    told = "left out, made with other settings: 1 evaluations of dvc.lock of .\n"
    assert capsys.readouterr().err == ("" if stale is None else told)


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


def test_the_page_has_both_versions_side_by_side_and_a_hostile_arm_stays_text(project, browser):
    lock = project / "dvc.lock"
    lock.write_text("".join(entry("token", seed, after, after * seed) for seed in (1, 2, 3) for after in (2, 5)))
    write_params(
        {"arms": ["uniform", "token"], "seeds": [1, 2, 3], "update.learning_rate": 1e-4}, project / "params.yaml"
    )
    git("add", "params.yaml")
    git("commit", "-qam", "slow")
    git("tag", "slow")
    lock.write_text("".join(entry("token", seed, after, after * seed + 9) for seed in (1, 2, 3) for after in (2, 5)))
    write_params(
        {"arms": ["uniform", "token"], "seeds": [1, 2, 3], "update.learning_rate": 3e-4}, project / "params.yaml"
    )
    report = Report()
    found = compare_versions("slow", ".", report)
    assert [sorted(curve) for curve in found[0].curves] == [[2, 5], [2, 5]]
    assert found[0].difference.estimate.mean == pytest.approx(9 / PROBLEMS)
    found = [replace(found[0], benchmark="<script>document.title = 'owned'</script>")]
    page = project / "compared.html"
    page.write_text(versions_page("slow", ".", found, report))
    browser.open(page, width=390)
    assert browser.complaints() == []
    assert browser.run("return document.title") == "mtpipe: slow and ."
    assert browser.run("return [document.documentElement.scrollWidth, innerWidth]") == [390, 390]
    assert browser.run("return document.querySelectorAll('figure svg').length") == 2
    told = browser.run("return document.body.textContent")
    assert "update.learning_rate" in told
    assert "1.0e-4" in told or "0.0001" in told


def test_settings_that_this_version_cannot_read_are_said_so_and_cost_nothing_else(project):
    (project / "params.yaml").write_text("arms: [token]\nupdate: {gone: 1}\n")
    git("add", "params.yaml")
    git("commit", "-qm", "old")
    git("tag", "old")
    (project / "dvc.lock").write_text(entry("token", 1, 5, 20))
    page = versions_page("old", ".", compare_versions("old", ".", Report()), Report())
    assert "Not compared" in page
    assert "gone" in page
