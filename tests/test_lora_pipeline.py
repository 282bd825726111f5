"""The real pipeline with adapters: two rounds are made once, and an edit of the adapter leaves the warm start alone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from builders import edit_params
from projects import ENVIRONMENT, TRAINED, make_project, repro

from mtpipe.model.adapter_folder import AdapterBase, weights_digest
from mtpipe.model.policy import load_policy

pytestmark = pytest.mark.pipeline

ROUNDS = {f"{stage}@uniform-1-round{round}" for stage in ("rollout", "verify", "update") for round in (0, 1)}
OF_THE_RUN = {"plan", "start@uniform-1", "measure@uniform-1", "evaluate@uniform-1-2", *ROUNDS}


def test_two_rounds_of_an_adapter_are_made_once_and_an_edit_of_it_leaves_the_warm_start(tmp_path):
    project: Path = make_project(tmp_path / "project")
    edit_params({"arms": ["uniform"], "model": {"lora": {"rank": 2}}}, project / "params.yaml")
    assert repro(project, *TRAINED) == OF_THE_RUN | {"prepare", "warm_start", "evaluate_start"}
    assert repro(project, *TRAINED) == set()
    policies, base = project / "data" / "policies" / "uniform" / "seed1", project / "data" / "warm_start" / "policy"
    assert list(policies.glob("*/model*")) == []
    assert AdapterBase.read(policies / "round2") == AdapterBase(base, weights_digest(base))

    edited = shutil.copytree(project, tmp_path / "edited", symlinks=True)
    edit_params({"model": {"lora": {"rank": 4}}}, edited / "params.yaml")
    again = {"plan", "start@uniform-1", "rollout@uniform-1-round0", "update@uniform-1-round0"}
    assert again <= repro(edited, "update@uniform-1-round0") <= OF_THE_RUN

    command = [sys.executable, "-m", "mtpipe", "prune", "--keep", "1"]
    subprocess.run(command, cwd=project, env={**ENVIRONMENT, "PYTHONPATH": str(project)}, check=True)
    assert [folder.name for folder in policies.iterdir()] == ["round2"]
    assert repro(project, "--allow-missing", *TRAINED) == set()
    assert load_policy(policies / "round2").adapter is not None, "the base stays"
