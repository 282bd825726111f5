"""Every arm of profiles/temperature-zoo.yaml through the real stages of one round, on a tiny policy."""

import shutil

import pytest
from builders import ROOT, run_planned_stage, write_params
from documented import contradictions

from mtpipe import paths
from mtpipe.files import read_json
from mtpipe.params import load_params
from mtpipe.records import PROBLEMS, ROLLOUTS, read_rows, write_rows

pytestmark = pytest.mark.slow

FAST = ("edt", "min_p", "tampo", "kl_cov")
"""A token rule, a truncation, a controller and a loss that no chain of tests/stages has.

The parts of the other arms have tests of their own: every rule in tests/sampling/test_torch_engine.py, every controller
in tests/temperature, every loss in tests/learn/test_losses.py.
"""
ARMS = [
    arm if arm in FAST else pytest.param(arm, marks=pytest.mark.exhaustive)
    for arm in load_params(ROOT / "profiles" / "temperature-zoo.yaml").arms
]


@pytest.fixture(scope="module")
def project(tmp_path_factory, policy_folder):
    """A folder with a policy, problems and a small round of every arm."""
    from builders import few_problems

    from mtpipe.temperature.entropy_table import write_entropy_table

    folder = tmp_path_factory.mktemp("zoo")
    changes = {
        "rounds": 1,
        "sampling": {"prompts": 4, "max_new_tokens": 10},
        "reward": {"format": 0.5, "overlong": -1.0},
        "update": {"prompts_per_step": 4, "logprob_tolerance": 1e-4},
    }
    write_params(changes, folder / "params.yaml", profile="temperature-zoo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_rows(paths.TRAIN, few_problems(4), PROBLEMS)
        shutil.copytree(policy_folder, paths.WARM_START / "policy")
        write_entropy_table(paths.WARM_START / "policy", [index / 1000 for index in range(3000)])
        from stages import plan

        plan.main()
    return folder


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_of_the_zoo_trains_a_round(project, arm, monkeypatch):
    from stages import measure, rollout, start, update, verify

    monkeypatch.chdir(project)
    run_planned_stage(start, arm, 1)
    run_planned_stage(rollout, arm, 1, 0)
    run_planned_stage(verify, arm, 1, 0)
    run_planned_stage(update, arm, 1, 0)
    run_planned_stage(measure, arm, 1)
    rows = read_rows(paths.rollouts(arm, 1, 0), ROLLOUTS)
    found = load_params().temperature[arm]
    assert all(bool(row["mask_sizes"]) == (found.truncation.cuts or row["even_from"] >= 0) for row in rows)
    assert {row["sample"] for row in rows if row["even_from"] >= 0} == ({4, 5, 6, 7} if found.mixed_cuts else set())
    assert (paths.policy(arm, 1, 1) / "model.safetensors").is_file()
    measured = read_json(paths.round_metrics(arm, 1, 0))
    assert measured["profile"]["entropy"]["mean"]
    assert not contradictions("metrics/ARM/seedS/roundN.json", measured)
