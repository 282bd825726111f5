"""Rounds of arms with a controller or a loss of their own, through the real stages with a tiny policy."""

import shutil
from pathlib import Path

import pytest
from builders import edit_params, judged, run_stage, write_params
from safetensors.torch import load_file

from mtpipe import paths
from mtpipe.files import read_json
from mtpipe.model.policy import save_policy
from mtpipe.records import VERDICTS, read_rollouts, read_sampled_round, write_rows
from stages import measure, plan, prepare, rollout, start, update

pytestmark = pytest.mark.slow

PROBE = {"grid": [0.7, 1.0, 1.4], "problems": 4, "responses": 2}
ARMS = {
    "uniform": {},
    "entropy": {"controller": {"kind": "entropy_target", "target": 2.0}, "spread": {"offsets": [0.0, 0.0, -0.1, 0.1]}},
    "tempered": {"controller": {"kind": "tempered_entropy", "target": 1.8, **PROBE}},
    "diverse": {"controller": {"kind": "stage_diversity", "every": 1, **PROBE}},
    "turning": {"controller": {"kind": "turning_point", **PROBE}},
    "learned": {"controller": {"kind": "tampo", "rate": 0.5}},
    "own_loss": {"update": {"top_entropy": 0.3, "entropy_bonus": {"target": 9.0, "change": 0.01, "largest": 0.1}}},
}


@pytest.fixture
def project(policy, policy_folder, tmp_path, monkeypatch) -> Path:
    """A folder with problems and a warm start, as the working directory."""
    monkeypatch.chdir(tmp_path)
    write_params(
        {
            "arms": list(ARMS),
            "rounds": 3,
            "temperature": ARMS,
            "task": {"warm_start_problems": 20, "train_problems": 40, "benchmark_problems": 4},
            "sampling": {"group_size": 4, "prompts": 6, "max_new_tokens": 12},
            "update": {"prompts_per_step": 2, "learning_rate": 1e-3, "warmup_steps": 0},
        }
    )
    Path("inputs").mkdir()
    run_stage(prepare)
    save_policy(policy, paths.WARM_START / "policy", tokenizer_from=policy_folder)
    plan.main()
    return tmp_path


def run(arm: str, rounds: range) -> None:
    """Rounds of one arm, with a reward for an even number of tokens."""
    if not rounds.start:
        run_stage(start, arm, 1)
    for round in rounds:
        run_stage(rollout, arm, 1, round)
        verdicts = judged(read_rollouts(paths.rollouts(arm, 1, round)))
        write_rows(paths.verdicts(arm, 1, round), verdicts, VERDICTS)
        run_stage(update, arm, 1, round)


def check_temperatures(arm: str, round: int) -> None:
    """Holds what was sampled against the controller's temperature and the spread's offsets."""
    temperature = read_json(paths.round_metrics(arm, 1, round))["round"]["controller_temperature"]
    assert read_sampled_round(paths.rollouts(arm, 1, round)).controller["temperature"] == temperature
    offsets = ARMS[arm].get("spread", {"offsets": [0.0] * 4})["offsets"]
    for sampled in read_rollouts(paths.rollouts(arm, 1, round)):
        base = temperature + offsets[sampled.sample]
        assert sampled.base_temperature == pytest.approx(base)
        assert sampled.temperatures == pytest.approx([base] * len(sampled.temperatures), abs=1e-6)


@pytest.mark.parametrize("arm", [arm for arm, settings in ARMS.items() if "controller" in settings])
def test_a_run_killed_between_rounds_goes_on_with_the_same_states_and_weights(project, arm):
    run(arm, range(3))
    run_stage(measure, arm, 1)
    for round in range(3):
        check_temperatures(arm, round)
    last = paths.policy(arm, 1, 3)
    states = [read_json(paths.policy(arm, 1, round) / "controller.json") for round in (2, 3)]
    weights = load_file(last / "model.safetensors")
    for round in (1, 2):
        shutil.rmtree(paths.policy(arm, 1, round + 1))
        paths.rollouts(arm, 1, round).unlink()

    run(arm, range(1, 3))
    assert [read_json(paths.policy(arm, 1, round) / "controller.json") for round in (2, 3)] == states
    found = load_file(last / "model.safetensors")
    assert all((found[name] == tensor).all() for name, tensor in weights.items())


def test_an_edit_of_an_arms_own_loss_touches_the_file_of_that_arm_alone(project):
    before = {path: path.read_text() for path in paths.PLAN.rglob("*.json")}
    edit_params({"temperature.own_loss.update.top_entropy": 0.4})
    plan.main()
    changed = {path for path in paths.PLAN.rglob("*.json") if path.read_text() != before[path]}
    assert changed == {paths.arm_update("own_loss")}


def test_an_arm_without_controller_has_no_state_and_one_with_its_own_loss_carries_its_coefficient(project):
    for arm in ("uniform", "own_loss"):
        run(arm, range(2))
    assert not (paths.policy("uniform", 1, 2) / "controller.json").exists()
    assert not (paths.policy("uniform", 1, 2) / "training" / "entropy_bonus.json").exists()
    assert read_sampled_round(paths.rollouts("uniform", 1, 1)).controller == {}
    assert read_json(paths.arm_update("uniform"))["top_entropy"] is None
    steps = [step for round in (0, 1) for step in read_json(paths.steps("own_loss", 1, round))["steps"]]
    coefficients = [step["entropy_coefficient"] for step in steps if "loss" in step]
    assert coefficients == pytest.approx([0.01 * n for n in range(len(coefficients))]), "it goes on in the second round"
    assert all(0.3 <= step["surrogate_share"] < 0.4 for step in steps if "loss" in step)
    assert read_json(paths.policy("own_loss", 1, 2) / "training" / "entropy_bonus.json")["on"] is True
