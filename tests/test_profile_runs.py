"""The smallest version of each profile of a generated task, through its stages, and of one through `mtpipe run`."""

import json
import subprocess
import sys

import pytest
from builders import ROOT, run_stage, write_params
from projects import ENVIRONMENT, SMALL, dvc, make_project, repro

from mtpipe.params import Params, load_params
from stages import evaluate, evaluate_start, measure, plan, prepare, report, rollout, start, update, verify, warm_start

pytestmark = pytest.mark.pipeline
SAME_TASK = [pytest.param(name, marks=pytest.mark.exhaustive) for name in ("miniature-study", "confirmatory-search")]
"""They share the task of confirmatory-study."""
KEPT = ("arms", "rounds", "temperature")


def write_small(profile: str) -> Params:
    """Writes params.yaml with two of the profile's arms, one round and one seed."""
    whole = load_params(ROOT / "profiles" / f"{profile}.yaml")
    small = {key: value for key, value in SMALL.items() if key not in KEPT}
    small |= {"arms": [whole.report.baseline, whole.arms[-1]], "rounds": 1, "seeds": whole.seeds[:1]}
    small["sampling"] = {**SMALL["sampling"], "group_size": whole.sampling.group_size}
    write_params(small, profile=profile)
    return load_params()


def reported() -> list[str]:
    with open("report/tables.json") as file:
        return list(json.load(file)["arms"])


@pytest.mark.parametrize("profile", ["countdown", *SAME_TASK])
def test_a_profile_runs_to_its_report(profile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inputs").mkdir()
    params = write_small(profile)
    plan.main()
    for stage in (prepare, warm_start, evaluate_start):
        run_stage(stage)
    for arm in params.arms:
        run_stage(start, arm, params.seeds[0])
        for stage, number in ((rollout, 0), (verify, 0), (update, 0), (evaluate, 1)):
            run_stage(stage, arm, params.seeds[0], number)
        run_stage(measure, arm, params.seeds[0])
    run_stage(report)
    assert reported() == params.arms


def test_a_profiles_arms_run_side_by_side_and_leave_nothing_to_do(tmp_path, monkeypatch):
    project = make_project(tmp_path / "project")
    monkeypatch.chdir(project)
    params = write_small("confirmatory-study")
    command = [sys.executable, "-m", "mtpipe", "run", "--jobs", "2"]
    environment = {**ENVIRONMENT, "PYTHONPATH": str(project)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    assert reported() == params.arms
    assert dvc(project, "status").stdout.strip() == "Data and pipelines are up to date."
    assert repro(project) == set()
