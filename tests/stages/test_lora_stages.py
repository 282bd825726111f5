"""Rounds of an adapter through the real stages: nothing but the warm start holds the base's weights."""

import sys
from pathlib import Path

import pytest
import torch
from adapters import needs_bitsandbytes
from builders import edit_params, run_planned_stage, run_stage, write_params
from safetensors.torch import load_file

from mtpipe import __main__ as command_line
from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json
from mtpipe.model.adapter import adapter_parameters
from mtpipe.model.adapter_folder import weights_digest
from mtpipe.model.policy import load_policy, save_policy
from mtpipe.records import EVALUATION, read_rows
from mtpipe.temperature.entropy_table import write_entropy_table
from stages import evaluate, measure, plan, prepare, rollout, start, update, verify

pytestmark = pytest.mark.slow


@pytest.fixture
def project(policy, policy_folder, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_params(
        {
            "arms": ["uniform", "token"],
            "report.baseline": "uniform",
            "rounds": 2,
            "model": {"hidden_size": 32, "layers": 2, "lora": {"rank": 4}},
            "task": {"warm_start_problems": 20, "train_problems": 40, "benchmark_problems": 4},
            "sampling": {"group_size": 4, "prompts": 8, "max_new_tokens": 12},
            "reward": {"format": 0.3, "overlong_buffer": 12},
            "update": {"prompts_per_step": 4, "learning_rate": 5e-3, "warmup_steps": 0, "kl_coefficient": 0.05},
        }
    )
    Path("inputs").mkdir()
    run_stage(prepare)
    save_policy(policy, paths.WARM_START / "policy", tokenizer_from=policy_folder)
    write_entropy_table(paths.WARM_START / "policy", [0.5, 1.0, 2.0])
    plan.main()
    return tmp_path


def run(arm: str) -> None:
    run_planned_stage(start, arm, 1)
    for round in range(2):
        for stage in (rollout, verify, update):
            run_planned_stage(stage, arm, 1, round)


def test_two_rounds_leave_adapters_of_the_warm_start(project, monkeypatch, capsys):
    before = weights_digest(paths.WARM_START / "policy")
    run("token")
    assert weights_digest(paths.WARM_START / "policy") == before
    assert [path for path in Path("data").rglob("model*.safetensors") if "warm_start" not in path.parts] == []
    first, last = (load_file(paths.policy("token", 1, round) / "adapter_model.safetensors") for round in (0, 2))
    assert max((last[name] - first[name]).abs().max() for name in first) > 1e-3
    state = load_file(paths.optimizer("token", 1, 2))
    assert state["step"] > 2, "the second round goes on from the first one's state"
    assert len(state) == 1 + 2 * len(last)
    assert read_json(paths.policy("token", 1, 2) / "base.json") == {
        "folder": "../../../../warm_start/policy", "sha256": before, "quantization": None,
    }  # fmt: skip
    for round in range(2):
        measured = read_json(paths.steps("token", 1, round))
        assert measured["mismatch"][0]["mean"] < 1e-6
        assert all(step["kl_reference"] >= 0 for step in measured["steps"] if "loss" in step)

    run_planned_stage(measure, "token", 1)
    run_planned_stage(evaluate, "token", 1, 2)
    assert read_rows(paths.evaluation("token", 1, 2), EVALUATION)
    monkeypatch.setattr(sys, "argv", ["mtpipe", "look", str(paths.rollouts("token", 1, 1))])
    command_line.main()
    policy = str(paths.policy("token", 1, 2))
    monkeypatch.setattr(sys, "argv", ["mtpipe", "parity", "--policy", policy, "--prompts", "2"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert not ended.value.code, capsys.readouterr()


def test_a_base_that_changed_is_refused_before_anything_is_sampled(project):
    run_planned_stage(start, "uniform", 1)
    warmed = load_policy(paths.WARM_START / "policy")
    with torch.no_grad():
        next(warmed.model.parameters()).add_(1e-3)
    for file in (paths.WARM_START / "policy").glob("model*.safetensors"):
        file.unlink()
    warmed.model.save_pretrained(paths.WARM_START / "policy")
    with pytest.raises(MtpipeError, match="holds an adapter of another base"):
        run_planned_stage(rollout, "uniform", 1, 0)
    assert not paths.rollouts("uniform", 1, 0).exists()


def test_the_plan_refuses_what_the_model_has_no_layers_for(project):
    edit_params({"model": {"lora": {"rank": 40}}})
    with pytest.raises(MtpipeError, match=r"model\.lora\.rank is 40, and "):
        plan.main()
    edit_params({"model": {"lora": {"targets": ["query"]}}})
    with pytest.raises(MtpipeError, match=r"model\.lora\.targets has 'query', and no layer of Qwen2ForCausalLM"):
        plan.main()


def test_the_plan_tells_what_vllm_could_not_hold_in_4_bits(project):
    needs_bitsandbytes()
    edit_params({"model": {"lora": {"rank": 4, "base": "nf4"}}, "sampling.engine": "vllm"})
    edit_params({"sampling.vllm.quantization": "nf4"})
    with pytest.raises(MtpipeError, match=r"sampling\.vllm\.quantization is nf4, and .* reads 32 numbers"):
        plan.main()


def test_arms_start_from_the_same_adapter(project):
    for arm in ("uniform", "token"):
        run_planned_stage(start, arm, 1)
    found = [adapter_parameters(load_policy(paths.policy(arm, 1, 0)).model) for arm in ("uniform", "token")]
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
