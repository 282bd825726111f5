"""Pruning in a real DVC project whose stages write toy policies."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from projects import dvc, repro
from ruamel.yaml import YAML

from mtpipe import paths
from mtpipe.alone import alone
from mtpipe.errors import MtpipeError
from mtpipe.pruned import is_pruned, mark_pruned, refuse_to_make_again
from mtpipe.run.study.pruning import prune

pytestmark = pytest.mark.slow

DVC_YAML = """
stages:
  start:
    cmd: mkdir -p data/policies/a/seed1 && cp -r warm data/policies/a/seed1/round0
    deps: [warm]
    outs: [data/policies/a/seed1/round0]
  update:
    matrix: {round: "${rounds}"}
    cmd: >-
      mkdir -p data/policies/a/seed1/round${item.round.next} && cd data/policies/a/seed1/round${item.round.next}
      && cp ../round${item.round.n}/tokenizer .
      && head -c ${bytes} /dev/zero | tr '\\0' ${item.round.n} > weights
    params: [bytes]
    deps: ["data/policies/a/seed1/round${item.round.n}"]
    outs: ["data/policies/a/seed1/round${item.round.next}"]
  evaluate:
    matrix: {after: "${evaluate.after}"}
    cmd: mkdir -p out && cp data/policies/a/seed1/round${item.after}/weights out/${item.after}
    deps: ["data/policies/a/seed1/round${item.after}"]
    outs: ["out/${item.after}"]
"""
BYTES = 1000


def write_params(project: Path, rounds: int, after: list[int], size: int = BYTES) -> None:
    content = {"rounds": [{"n": n, "next": n + 1} for n in range(rounds)], "evaluate": {"after": after}, "bytes": size}
    with open(project / "params.yaml", "w") as file:
        YAML(typ="safe").dump(content, file)


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """Four rounds of run `a` with seed 1, finished; the working directory of the test."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "warm").mkdir()
    (tmp_path / "warm" / "tokenizer").write_text("t" * 100)
    (tmp_path / "warm" / "weights").write_text("w" * BYTES)
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    write_params(tmp_path, rounds=4, after=[2, 4])
    subprocess.run(["git", "init", "-q"], check=True)
    dvc(tmp_path, "init", "-q")
    repro(tmp_path)
    return tmp_path


def disk(project: Path) -> int:
    """Bytes of all policies, in the workspace and in the cache."""
    folders = (project / paths.POLICIES, project / ".dvc" / "cache" / "files")
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())


def policies(project: Path) -> list[int]:
    return [n for n in range(6) if (project / paths.policy("a", 1, n)).is_dir()]


def test_old_policies_go_and_the_next_round_runs_alone(project):
    before = disk(project)
    pruned = prune(keep=1)
    assert policies(project) == [4]
    assert pruned.outputs == [paths.policy("a", 1, n) for n in range(4)]
    assert before - disk(project) == pruned.freed > 4 * BYTES
    assert repro(project, "--allow-missing") == set()

    write_params(project, rounds=5, after=[2, 5])
    assert repro(project, "--allow-missing") == {"update@round4", "evaluate@5"}
    assert policies(project) == [4, 5]


def test_a_pruned_policy_is_not_made_again_of_what_it_was_made_from(project):
    """As the stage update calls it; DVC has deleted what the stage wrote beside the policy by then."""
    made = paths.policy("a", 1, 2)
    prune(keep=1)
    assert is_pruned(made)
    assert not is_pruned(paths.policy("a", 1, 4))
    left = json.loads(paths.pruned(made).read_text())
    assert list(left["made_from"]) == [str(paths.policy("a", 1, 1))]
    assert left["beside"] == {}, "the toy's update writes a policy alone"

    plan, kept, cache = project / "plan.json", paths.policy("a", 1, 4), Path(left["cache"])
    plan.write_text("{}")
    before = {file.name: file.read_text() for file in kept.iterdir()}
    entries = YAML(typ="safe").load((project / "dvc.lock").read_text())["stages"]
    beside = {out["path"]: out["md5"] for stage in ("update@round3", "evaluate@2") for out in entries[stage]["outs"]}
    mark_pruned(made, {"plan.json": hashlib.md5(b"{}").hexdigest()}, beside, cache)
    shutil.rmtree(kept)
    (project / "out" / "2").unlink()
    with pytest.raises(MtpipeError, match=r"round2: removed .*`dvc repro --allow-missing`.*`python -m mtpipe run"):
        refuse_to_make_again([made])
    assert {file.name: file.read_text() for file in kept.iterdir()} == before, "a folder that DVC has deleted"
    assert (project / "out" / "2").read_text() == "1" * BYTES
    plan.write_text("another")
    refuse_to_make_again([made])
    refuse_to_make_again([kept])
    assert not paths.pruned(made).exists()


def test_a_pruned_policy_is_made_again_of_another_one(project):
    """A new adapter leaves the first round's rollouts as they were, so that the policy alone tells of it."""
    made, of = paths.policy("a", 1, 2), paths.policy("a", 1, 1)
    prune(keep=1)
    with pytest.raises(MtpipeError, match="removed"):
        refuse_to_make_again([made])
    shutil.copytree(paths.policy("a", 1, 4), of)
    (of / "weights").write_text("0" * BYTES)
    with pytest.raises(MtpipeError, match="removed"):
        refuse_to_make_again([made])
    (of / "weights").write_text("another")
    refuse_to_make_again([made])
    assert not paths.pruned(made).exists()


def test_a_dry_run_says_the_same_and_touches_nothing(project):
    before = disk(project)
    would = prune(keep=2, dry_run=True)
    assert disk(project) == before
    assert prune(keep=2) == would
    assert policies(project) == [3, 4]
    assert "dvc repro --allow-missing" in would.describe(dry_run=True)


def test_what_other_outputs_share_stays_in_the_cache(project):
    prune(keep=1)
    (project / paths.policy("a", 1, 4) / "tokenizer").unlink()
    (project / "out" / "2").unlink()
    dvc(project, "checkout", "--force", "evaluate@2", "update@round3")
    assert (project / paths.policy("a", 1, 4) / "tokenizer").read_text() == "t" * 100
    assert (project / "out" / "2").read_text() == "1" * BYTES, "the evaluation copied the weights of a pruned policy"


def test_a_policy_stays_until_its_evaluation_has_run(project):
    write_params(project, rounds=4, after=[1, 2, 4])
    pruned = prune(keep=1)
    assert policies(project) == [1, 4]
    assert pruned.needed == {paths.policy("a", 1, 1): "evaluate@1"}
    assert repro(project, "--allow-missing") == {"evaluate@1"}
    assert prune(keep=1).outputs == [paths.policy("a", 1, 1)]


def test_an_edit_that_asks_for_a_round_again_keeps_its_policy(project):
    write_params(project, rounds=4, after=[2, 4], size=BYTES + 1)
    pruned = prune(keep=1)
    assert pruned.outputs == []
    assert policies(project) == [0, 1, 2, 3, 4]
    assert set(pruned.needed.values()) == {f"update@round{n}" for n in range(4)}


def test_the_last_policy_of_an_unfinished_run_stays(project):
    write_params(project, rounds=6, after=[2, 6])
    prune(keep=1)
    assert policies(project) == [4]
    assert repro(project, "--allow-missing") == {"update@round4", "update@round5", "evaluate@6"}


def test_an_interrupted_prune_is_finished_by_the_next(project):
    old = paths.policy("a", 1, 1)
    mark_pruned(old, {}, {}, project)
    os.replace(old, old.with_name(".round1.partial"))
    assert repro(project, "--allow-missing") == set()
    prune(keep=1)
    assert policies(project) == [4]
    assert not list(project.rglob("*.partial"))


def test_a_cache_outside_the_project_is_left_alone(project, tmp_path_factory):
    shared = tmp_path_factory.mktemp("cache")
    dvc(project, "config", "cache.dir", str(shared))
    dvc(project, "commit", "--force")
    before = sorted(shared.rglob("*"))
    pruned = prune(keep=1)
    assert pruned.shared_cache is not None
    assert policies(project) == [4]
    assert sorted(shared.rglob("*")) == before
    assert "outside the project" in pruned.describe(dry_run=False)


def test_nothing_is_pruned_while_dvc_runs_or_without_a_project(project, tmp_path_factory, monkeypatch):
    from dvc.repo import Repo, lock_repo

    with lock_repo(Repo()), pytest.raises(MtpipeError, match="another DVC command is at work"):
        prune(keep=1)
    with alone(paths.LOCKS / "study", ""), pytest.raises(MtpipeError, match="run` is at work on this study"):
        prune(keep=1)
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    with pytest.raises(MtpipeError, match="not a DVC project"):
        prune(keep=1)
