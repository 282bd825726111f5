"""An exported policy is what transformers, tokenizers and peft load as it is, and its card says what it is."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from adapters import needs_bitsandbytes
from builders import run_stage, write_params
from peft import PeftModel
from ruamel.yaml import YAML
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from mtpipe import paths
from mtpipe.__main__ import main
from mtpipe.errors import MtpipeError
from mtpipe.export.exporting import export
from mtpipe.model.adapter import adapter_parameters
from mtpipe.model.policy import Policy, load_policy, new_checkpoint, save_policy
from mtpipe.params import load_params
from mtpipe.settings.model import NF4
from mtpipe.tasks.synthetic.arithmetic import VOCABULARY
from stages import evaluate, evaluate_start, plan, prepare, start

pytestmark = pytest.mark.slow

IDS = torch.arange(2, 12)[None]
IN_NF4 = pytest.param("adapter in nf4", marks=pytest.mark.slow)
WIDTH = {"adapter": 32, "adapter in nf4": 64, "weights": 32}


def logprobs(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=IDS).logits.log_softmax(-1)


@pytest.fixture(scope="module", params=["adapter", IN_NF4, "weights"])
def kind(request) -> str:
    if request.param.endswith(NF4):
        needs_bitsandbytes()
    return request.param


@pytest.fixture(scope="module")
def finished(kind, loaded_policy, policy_folder, tmp_path_factory, params) -> Path:
    """A finished study of one round, in which the update is a change by hand."""
    folder = tmp_path_factory.mktemp("study")
    policy = loaded_policy
    if kind.endswith(NF4):  # rows of whole blocks: on some processors bitsandbytes reads no others rightly
        policy_folder = tmp_path_factory.mktemp("wider") / "policy"
        sizes = params.model.model_copy(update={"hidden_size": WIDTH[kind], "layers": 2})
        new_checkpoint(policy_folder, sizes, VOCABULARY, max_positions=128)
        policy = load_policy(policy_folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_study(kind, policy, policy_folder)
    return folder


@pytest.fixture
def project(finished, tmp_path, monkeypatch) -> Path:
    """A copy of that study as the working directory, to which a test may do harm."""
    shutil.copytree(finished, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def write_study(kind: str, policy: Policy, policy_folder: Path) -> None:
    lora = {"rank": 4, "base": NF4 if kind.endswith(NF4) else None}
    temperature = {"token": {"schedule": {"kind": "linear", "start": 1.0, "end": 1.25, "over": 3}}}
    write_params(
        {
            "arms": ["token"],
            "rounds": 1,
            "report.baseline": "token",
            "temperature": temperature,
            "model": {"hidden_size": WIDTH[kind], "layers": 2, "lora": None if kind == "weights" else lora},
            "task": {"warm_start_problems": 20, "train_problems": 40, "benchmark_problems": 6},
            "sampling": {"group_size": 4, "prompts": 8, "max_new_tokens": 12},
            "update": {"prompts_per_step": 4, "learning_rate": 0.0123},
            "evaluate": {"samples": 2, "max_new_tokens": 12},
        }
    )
    Path("inputs").mkdir()
    run_stage(prepare)
    save_policy(policy, paths.WARM_START / "policy", tokenizer_from=policy_folder)
    plan.main()
    run_stage(start, "token", 1)
    first = load_policy(paths.policy("token", 1, 0))
    trained = adapter_parameters(first.model) or dict(first.model.named_parameters())
    with torch.no_grad():
        for parameter in trained.values():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    save_policy(first, paths.policy("token", 1, 1), tokenizer_from=paths.policy("token", 1, 0))
    run_stage(evaluate_start)
    run_stage(evaluate, "token", 1, 1)


def test_a_checkpoint_has_the_policys_logprobs_also_after_an_adapter_was_merged(project, kind, monkeypatch):
    own = load_policy(paths.policy("token", 1, 1))
    target = project / "out" / "model"
    export(load_params(), "token", 1, target, merge=True)
    monkeypatch.chdir(project.parent)
    found = AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32)
    torch.testing.assert_close(logprobs(found), logprobs(own.model), atol=1e-5, rtol=0)
    assert AutoTokenizer.from_pretrained(target).encode("2+9*3-4>") == own.encode("2+9*3-4>")
    names = {path.name for path in target.iterdir()}
    assert names == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "README.md",
    }  # fmt: skip
    assert "lora" not in str(list(found.state_dict()))


@pytest.mark.parametrize("kind", ["adapter", IN_NF4], indirect=True)
def test_an_adapter_loads_with_transformers_and_with_peft_wherever_one_is(project, kind, monkeypatch):
    own = load_policy(paths.policy("token", 1, 1))
    target = project / "out" / "adapter"
    export(load_params(), "token", 1, target)
    assert {path.name for path in target.iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md",
    }  # fmt: skip
    monkeypatch.chdir(project.parent)
    as_the_card_says = {"dtype": torch.float32}
    if kind.endswith(NF4):
        # Processors with AVX512-BF16 would compute float32 in bfloat16.
        monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: False)
        as_the_card_says["quantization_config"] = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    found = AutoModelForCausalLM.from_pretrained(target, **as_the_card_says)
    torch.testing.assert_close(logprobs(found), logprobs(own.model), atol=1e-5, rtol=0)
    base = AutoModelForCausalLM.from_pretrained(project / paths.WARM_START / "policy", **as_the_card_says)
    assert not torch.allclose(logprobs(base), logprobs(own.model))
    peer = PeftModel.from_pretrained(base, target)
    torch.testing.assert_close(logprobs(peer), logprobs(own.model), atol=1e-5, rtol=0)


def test_the_card_states_base_data_arm_settings_and_scores_with_intervals(project, kind):
    export(load_params(), "token", 1, project / "out")
    text = (project / "out" / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    head = YAML(typ="safe").load(front)
    assert head["library_name"] == ("transformers" if kind == "weights" else "peft")
    assert ("lora" in head["tags"]) == (kind != "weights")
    for stated in (
        "arm token, seed 1, after 1 rounds",
        f"a new Qwen2, hidden size {WIDTH[kind]}, 2 layers",
        "linear (start 1.0, end 1.25, over 3)",
        "| learning rate | 0.0123 |",
        "| `update.learning_rate` | 3.0e-4 | 0.0123 |",
        "Problems of the task `arithmetic`, generated from a seed",
    ):
        assert stated in body
    scores = re.findall(r"^\| (\w+) \| 6 \| 2 \| 1 \| (\S+) \[(\S+), (\S+)\] \| (\S+) \[", body, re.MULTILINE)
    assert [name for name, *_ in scores] == ["same", "longer", "larger"]
    assert all(float(low) <= float(mean) <= float(high) for _, mean, low, high, _ in scores)
    assert ("SHA-256 of the adapter's base" in body) == (kind != "weights")
    assert ("LoRA of rank 4, on a base in nf4" in body) == kind.endswith(NF4)
    assert ("vllm serve BASE --enable-lora --max-lora-rank 8 " in body) == (kind == "adapter"), (
        "vLLM takes no rank of 4"
    )
    assert ('("DIR", quantization_config=base)' in body) == kind.endswith(NF4)
    assert str(project) not in text, "paths of this machine mean nothing elsewhere"


def test_a_policy_without_evaluation_says_so(project):
    export(load_params(), "token", 1, project / "out", round=0)
    assert "warm start |" in (project / "out" / "README.md").read_text()
    shutil.rmtree(paths.EVALUATION)
    export(load_params(), "token", 1, project / "again", round=1)
    assert "This policy was not evaluated; `evaluate.after` is [1]." in (project / "again" / "README.md").read_text()


@pytest.mark.parametrize("kind", ["adapter"], indirect=True)
def test_what_cannot_be_exported_is_refused_and_leaves_nothing(project, monkeypatch):
    monkeypatch.setattr("sys.argv", ["mtpipe", "export", "--arm", "uniform", "--seed", "1", "out"])
    with pytest.raises(SystemExit, match="no policy of arm 'uniform', seed 1, round 1"):
        main()
    assert not Path("out").exists()
    (project / "there").mkdir()
    with pytest.raises(MtpipeError, match="there is there; give a folder that is not"):
        export(load_params(), "token", 1, Path("there"))
    shutil.rmtree(paths.WARM_START)
    for merge in (False, True):
        with pytest.raises(MtpipeError, match="has no weights"):
            export(load_params(), "token", 1, Path("out"), merge=merge)
    shutil.rmtree(paths.policy("token", 1, 1))
    with pytest.raises(MtpipeError, match="round1 is missing"):
        export(load_params(), "token", 1, Path("out"))
    assert not Path("out").exists()
