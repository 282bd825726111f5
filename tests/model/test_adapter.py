"""A policy folder that holds an adapter: peft's own format, with a base that has to be the one it was trained on."""

import shutil

import pytest
import torch
from adapters import moved
from peft import PeftModel
from transformers import AutoModelForCausalLM, GPT2Config

from benchmarks.small_models import small_model
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json
from mtpipe.model.adapter import adapter_off, adapter_parameters, add_adapter, target_layers
from mtpipe.model.adapter_policy import check_lora, new_adapter
from mtpipe.model.policy import load_policy
from mtpipe.model.probe import check_scoring
from mtpipe.settings.model import Lora, Model
from mtpipe.tasks.synthetic.arithmetic import VOCABULARY

pytestmark = pytest.mark.slow

IDS = torch.arange(2, 12)[None]


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=IDS).logits


def test_a_new_adapter_has_the_bases_logits_and_the_same_seed_gives_the_same_files(
    base, adapter_folder, lora, tmp_path
):
    assert torch.equal(logits(load_policy(adapter_folder).model), logits(load_policy(base).model))
    new_adapter(base, tmp_path / "run" / "twin", lora, seed=3)
    names = {path.name for path in adapter_folder.iterdir()}
    assert names == {path.name for path in base.iterdir()} - {"model.safetensors"} | {
        "adapter_config.json", "adapter_model.safetensors", "base.json",
    }  # fmt: skip
    for name in names:
        assert (adapter_folder / name).read_bytes() == (tmp_path / "run" / "twin" / name).read_bytes()
    new_adapter(base, tmp_path / "run" / "other", lora, seed=4)
    assert (adapter_folder / "adapter_model.safetensors").read_bytes() != (
        tmp_path / "run" / "other" / "adapter_model.safetensors"
    ).read_bytes()


def test_what_is_written_is_what_is_read_and_what_peft_reads(base, adapter_folder, tmp_path):
    policy = moved(adapter_folder, tmp_path / "run" / "round1")
    own = logits(policy.model)
    assert (own - logits(load_policy(base).model)).abs().max() > 0.1
    assert torch.equal(logits(load_policy(tmp_path / "run" / "round1").model), own)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    as_peft_reads_it = PeftModel.from_pretrained(plain, tmp_path / "run" / "round1")
    assert torch.equal(logits(as_peft_reads_it), own)
    merged = as_peft_reads_it.merge_and_unload()
    torch.testing.assert_close(logits(merged).log_softmax(-1), own.log_softmax(-1), atol=1e-5, rtol=0)


def test_peft_keeps_names_in_sets_and_the_file_has_them_sorted(adapter_folder):
    targets = read_json(adapter_folder / "adapter_config.json")["target_modules"]
    assert targets == sorted(targets)
    assert len(targets) == 7


def test_the_adapter_alone_has_gradients_and_off_it_is_the_base(base, adapter_folder, tmp_path):
    policy = moved(adapter_folder, tmp_path / "run" / "round1")
    own = logits(policy.model)
    trained = {name for name, parameter in policy.model.named_parameters() if parameter.requires_grad}
    assert trained == adapter_parameters(policy.model).keys()
    assert len(trained) == 2 * 7 * 2, "A and B of seven layers in each of two"
    with adapter_off(policy.model):
        assert torch.equal(logits(policy.model), logits(load_policy(base).model))
    assert torch.equal(logits(policy.model), own)


def test_an_adapter_is_sampled_in_bfloat16(adapter_folder):
    policy = load_policy(adapter_folder, dtype=torch.bfloat16, sampled=True)
    assert {parameter.dtype for parameter in policy.model.parameters()} == {torch.bfloat16}


def test_the_folders_may_move_together(adapter_folder, tmp_path):
    shutil.copytree(tmp_path, tmp_path.parent / "moved")
    shutil.rmtree(tmp_path / "base")
    load_policy(tmp_path.parent / "moved" / "run" / "round0")
    with pytest.raises(MtpipeError, match=r"its base .*base has no weights"):
        load_policy(adapter_folder)


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_base_that_changed_since_is_refused(base, adapter_folder, file):
    content = bytearray((base / file).read_bytes())
    content[-2] ^= 32
    (base / file).write_bytes(content)
    with pytest.raises(MtpipeError, match=r"round0 holds an adapter of another base: .* The base changed after"):
        load_policy(adapter_folder)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"targets": ["q_proj", "query"]}, r"targets has 'query', and no layer .* or some of down_proj, .*, v_proj"),
        ({"targets": ["lm_head"]}, "targets has 'lm_head', and no layer"),
        ({"targets": ["embed_tokens"]}, "targets has 'embed_tokens', and no layer"),
        ({"targets": ["input_layernorm"]}, "targets has 'input_layernorm', and no layer"),
        ({"targets": ["proj"]}, "targets has 'proj', and no layer"),
        ({"targets": ["q_.*"]}, r"targets has 'q_\.\*', and no layer"),
        ({"targets": [""]}, "targets has '', and no layer"),
        ({"rank": 33}, r"rank is 33, and model\.layers\.0\.mlp\.down_proj is a layer from 128 to 32, "),
    ],
)
def test_a_target_without_layers_and_a_rank_above_them_are_refused(policy_folder, changes, expected):
    """By the model itself, and by the configuration alone, before anything is sampled."""
    wanted = Lora.model_validate(changes)
    with pytest.raises(MtpipeError, match=expected):
        target_layers(load_policy(policy_folder).model, wanted)
    for model in (Model(hidden_size=32, layers=1), Model(checkpoint=str(policy_folder))):
        with pytest.raises(MtpipeError, match=expected):
            check_lora(model, wanted, VOCABULARY, 64)


@pytest.mark.parametrize("lora", [Lora(rank=2), Lora(rank=2, targets=["c_attn"])])
def test_a_model_without_linear_layers_is_told_so(policy_folder, tmp_path, lora):
    config = {"vocab_size": 20, "n_embd": 32, "n_layer": 1, "n_head": 2, "bos_token_id": 1, "eos_token_id": 1}
    GPT2Config(**config).save_pretrained(tmp_path / "gpt2")
    with pytest.raises(MtpipeError, match=r"GPT2LMHeadModel has no linear layer .*; set model\.lora to null"):
        check_lora(Model(checkpoint=str(tmp_path / "gpt2")), lora, None, 64)


def test_a_checkpoint_that_transformers_does_not_know_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "no_such_model"}')
    with pytest.raises(MtpipeError, match=r"model\.checkpoint is '.*', of which .*no_such_model"):
        check_lora(Model(checkpoint=str(tmp_path)), Lora(), None, 64)


def test_targets_are_whole_names_or_how_they_end(policy_folder):
    model = load_policy(policy_folder).model
    assert target_layers(model, Lora(targets=["layers.1.self_attn.q_proj"])).keys() == {
        "model.layers.1.self_attn.q_proj"
    }
    assert len(target_layers(model, Lora(targets=["q_proj", "v_proj"]))) == 4
    assert len(target_layers(model, Lora())) == 14


@pytest.mark.parametrize(("kind", "without"), [("gemma3n_text", "layers.0"), ("phimoe", "router")])
def test_blocks_and_routers_whose_names_end_as_layers_do_have_no_adapter(kind, without):
    """A block that is called 0 as a layer is, and a router, a linear layer by its class that gives chosen experts."""
    model = small_model(kind)
    add_adapter(model, Lora(rank=1), seed=0)
    check_scoring(model.eval())
    with_adapter = {name for name, module in model.named_modules() if hasattr(module, "lora_A")}
    assert with_adapter == target_layers(small_model(kind), Lora(rank=1)).keys()
    assert not any(name.endswith(without) for name in with_adapter)
