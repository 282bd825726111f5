"""The smallest version of each profile, two arms of one round and seed, through `dvc repro` or `mtpipe run`.

Not here: profiles of a checkpoint, which need a GPU, and math-smoke, which tests/test_math_pipeline.py runs.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from builders import ROOT, write_params
from projects import ENVIRONMENT, SMALL, dvc, make_project, repro

from mtpipe.params import Params, load_params

pytestmark = pytest.mark.pipeline
KEPT = ("arms", "rounds", "temperature")
SIDE_BY_SIDE = "confirmatory-search"
"""This one runs by `mtpipe run`, which makes the two arms at one time."""


def listed() -> dict[str, Params]:
    """The profiles that run here. They are listed from the folder, so that a new one is not forgotten."""
    every = {file.stem: load_params(file) for file in sorted((ROOT / "profiles").glob("*.yaml"))}
    return {name: whole for name, whole in every.items() if not whole.model.checkpoint and name != "math-smoke"}


PROFILES = listed()


def shares_a_task(profile: str) -> bool:
    """Whether a profile before it has the same task: their smallest versions differ in arms and little else."""
    return next(name for name, whole in PROFILES.items() if whole.task == PROFILES[profile].task) != profile


def write_small(profile: str) -> Params:
    """Writes params.yaml with two of the profile's arms, one round and one seed."""
    whole = PROFILES[profile]
    small = {key: value for key, value in SMALL.items() if key not in KEPT}
    small |= {"arms": [whole.report.baseline, whole.arms[-1]], "rounds": 1, "seeds": whole.seeds[:1]}
    small["sampling"] = {**SMALL["sampling"], "group_size": whole.sampling.group_size}
    write_params(small, profile=profile)
    return load_params()


def run_side_by_side(project: Path) -> None:
    command = [sys.executable, "-m", "mtpipe", "run", "--jobs", "2"]
    environment = {**ENVIRONMENT, "PYTHONPATH": str(project)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]


@pytest.mark.parametrize(
    "profile", [pytest.param(one, marks=pytest.mark.exhaustive if shares_a_task(one) else ()) for one in PROFILES]
)
def test_a_profile_runs_to_its_report_and_leaves_nothing_to_do(profile, tmp_path, monkeypatch):
    if PROFILES[profile].task.name == "reasoning_gym":
        pytest.importorskip("reasoning_gym")
    project = make_project(tmp_path / "project")
    monkeypatch.chdir(project)
    params = write_small(profile)
    if profile == SIDE_BY_SIDE:
        run_side_by_side(project)
    else:
        ran = repro(project)
        assert {f"update@{arm}-{params.seeds[0]}-round0" for arm in params.arms} <= ran
    with open("report/tables.json") as file:
        assert list(json.load(file)["arms"]) == params.arms
    assert dvc(project, "status").stdout.strip() == "Data and pipelines are up to date."
    if profile == SIDE_BY_SIDE:
        assert repro(project) == set()
