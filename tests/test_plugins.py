"""Every example of docs/plugins.md, through the real stages from a folder outside the package."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from builders import run_stage, write_params
from own_classes import EXAMPLES, settings, write_class

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json
from mtpipe.params import load_params
from mtpipe.records import PROBLEMS, VERDICTS, read_rollouts, read_rows, read_sampled_round, write_rows

pytestmark = pytest.mark.slow

MOST_LINES = 40


@pytest.fixture
def project(tmp_path, monkeypatch, policy_folder) -> Path:
    """The working directory: a folder with problems and a warm start, and nothing in plugins/ yet."""
    from builders import few_problems

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    write_rows(paths.TRAIN, few_problems(8), PROBLEMS)
    shutil.copytree(policy_folder, paths.WARM_START / "policy")
    return tmp_path


def configure(example: str, rounds: int = 1) -> None:
    """The example's file, and params.yaml with the settings that the page shows."""
    write_class(example, EXAMPLES[example])
    write_params(
        {
            "rounds": [{"n": n, "next": n + 1} for n in range(rounds)],
            "evaluate.after": [rounds],
            "arms": [example],
            "report.baseline": example,
            "sampling": {"prompts": 6, "group_size": 4, "max_new_tokens": 12},
            "reward": {"format": 0.5, "overlong": -1.0} | settings(example).get("reward", {}),
            "update": {"prompts_per_step": 3, "logprob_tolerance": 1e-4} | settings(example).get("update", {}),
            "temperature": settings(example).get("temperature", {example: {}}),
        }
    )


def train(arm: str, rounds: int) -> None:
    from stages import measure, plan, rollout, start, update, verify

    plan.main()
    run_stage(start, arm, 1)
    for round in range(rounds):
        for stage in (rollout, verify, update):
            run_stage(stage, arm, 1, round)
    run_stage(measure, arm, 1)


def bases(arm: str, round: int) -> list[float]:
    """The base temperature of each response of a group."""
    return [rollout.base_temperature for rollout in read_rollouts(paths.rollouts(arm, 1, round))[:4]]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_short(example):
    assert len(EXAMPLES[example].splitlines()) <= MOST_LINES


def test_a_token_rule_falls_with_position_and_rises_with_entropy(project):
    configure("cooling")
    train("cooling", 1)
    for rollout in read_rollouts(paths.rollouts("cooling", 1, 0)):
        entropies, positions = np.array(rollout.entropies), np.arange(len(rollout.entropies))
        expected = ((1.0 + 0.3 * entropies) / 2 ** (positions / 20)).clip(0.3, 1.6)
        assert rollout.temperatures == pytest.approx(expected, rel=1e-5)
    assert (paths.policy("cooling", 1, 1) / "model.safetensors").is_file()


def test_a_rule_that_leaves_its_span_ends_the_round_naming_problem_response_and_token(project):
    from stages import plan, rollout, start

    configure("cooling")
    beyond = "return 9.0 * (tokens.positions == 2) + (tokens.positions != 2) * (warm"
    write_class("cooling", EXAMPLES["cooling"].replace("return (warm", beyond))
    plan.main()
    run_stage(start, "cooling", 1)
    with pytest.raises(MtpipeError, match=r"problem .*, response \d: .*Cooling gave token 2 T = 9\.0"):
        run_stage(rollout, "cooling", 1, 0)
    assert not paths.rollouts("cooling", 1, 0).exists()


def test_a_schedule_sets_the_rounds_temperatures(project):
    configure("sawtooth")
    train("sawtooth", 1)
    arm = load_params().temperature["sawtooth"]
    assert [arm.scheduled(round) for round in range(4)] == pytest.approx([0.9, 1.1, 1.3, 0.9])
    assert bases("sawtooth", 0) == [0.9] * 4


def test_a_spread_sets_the_responses_temperatures(project):
    configure("fan")
    train("fan", 1)
    assert bases("fan", 0) == pytest.approx([1 - 0.4, 1 - 0.4 / 3, 1 + 0.4 / 3, 1 + 0.4])
    spread = load_params().temperature["fan"].spread
    assert spread.at(1, 4).offsets == pytest.approx([-0.3, -0.1, 0.1, 0.3])


def test_a_controller_carries_its_state_from_round_to_round(project):
    configure("stirring", rounds=2)
    train("stirring", 2)
    first, second = (read_sampled_round(paths.rollouts("stirring", 1, round)).controller for round in (0, 1))
    assert first == {"temperature": 1.0}
    assert second["temperature"] in (0.9, 1.1)
    assert bases("stirring", 1) == [second["temperature"]] * 4
    assert read_json(paths.round_metrics("stirring", 1, 1))["round"]["controller_temperature"] == second["temperature"]


def test_a_loss_trains_the_policy(project):
    configure("fading")
    train("fading", 1)
    steps = [step for step in read_json(paths.steps("fading", 1, 0))["steps"] if "loss" in step]
    assert steps
    assert {step["clip_fraction"] for step in steps} == {0.0}
    assert all(step["ratio_max"] > 1 or step["ratio"] == 1 for step in steps)
    assert read_json(paths.arm_update("fading"))["loss"] == "plugins.fading.fading"


def test_a_part_of_the_reward_is_recorded_by_response_and_measured(project):
    configure("waits")
    write_class("waits", EXAMPLES["waits"].replace('"wait"', '"1"'))  # a letter is not in this policy's vocabulary
    train("waits", 1)
    texts = {(one.problem_id, one.sample): one.text for one in read_rollouts(paths.rollouts("waits", 1, 0))}
    rows = read_rows(paths.verdicts("waits", 1, 0), VERDICTS)
    judged = [row for row in rows if not dict(row["parts"])["overlong"]]
    assert judged
    for row in judged:
        parts = dict(row["parts"])
        assert parts["plugins.waits.waits"] == texts[row["problem_id"], row["sample"]].count("1")
        assert row["reward"] == pytest.approx(
            row["score"] + 0.5 * parts["format"] - 0.1 * parts["plugins.waits.waits"], abs=1e-12
        )
    measured = read_json(paths.round_metrics("waits", 1, 0))["reward_parts"]
    assert list(measured) == ["correct", "format", "plugins.waits.waits", "overlong"]
    assert sum(part["advantage_share"] for part in measured.values()) == pytest.approx(1.0)
