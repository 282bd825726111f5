"""The smallest version of each profile of a generated task, through the real `dvc repro`."""

import json

import pytest
from builders import ROOT, write_params
from projects import SMALL, make_project, repro

from mtpipe.params import load_params

pytestmark = pytest.mark.pipeline
SAME_TASK = [pytest.param(name, marks=pytest.mark.exhaustive) for name in ("miniature-study", "confirmatory-search")]
"""They share the task of confirmatory-study."""
KEPT = ("arms", "rounds", "temperature")


@pytest.mark.parametrize("profile", ["confirmatory-study", "countdown", *SAME_TASK])
def test_a_profile_runs_to_its_report(profile, tmp_path):
    project = make_project(tmp_path / "project")
    whole = load_params(ROOT / "profiles" / f"{profile}.yaml")
    arms = [whole.report.baseline, whole.arms[-1]]
    small = {key: value for key, value in SMALL.items() if key not in KEPT}
    small |= {"arms": arms, "rounds": 1, "seeds": whole.seeds[:1]}
    small["sampling"] = {**SMALL["sampling"], "group_size": whole.sampling.group_size}
    write_params(small, project / "params.yaml", profile=profile)
    assert "report" in repro(project)
    tables = json.loads((project / "report" / "tables.json").read_text())
    assert set(tables["arms"]) == set(arms)
