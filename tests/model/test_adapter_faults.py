"""Adapters that are not what an update writes are refused by both engines, which name the file and what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from adapters import trained_adapter
from safetensors.torch import load_file, save_file
from torch import Tensor

from mtpipe.errors import MtpipeError
from mtpipe.model.adapter_folder import AdapterBase
from mtpipe.model.policy import load_policy, load_vocabulary
from mtpipe.sampling.vllm.lora import RunningAdapter, base_of, lora_arguments
from mtpipe.settings.model import Lora

pytestmark = pytest.mark.slow

FIRST = "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight"


@pytest.fixture
def folder(base, tmp_path) -> Path:
    return trained_adapter(base, tmp_path / "run" / "round1", seed=1, lora=Lora(rank=4))


def open_in_vllm(folder: Path) -> None:
    """What is done with a folder before vLLM starts."""
    load_vocabulary(folder)
    base_of(folder)
    lora_arguments(folder, 1)


ENGINES = [load_policy, open_in_vllm]


def refused(folder: Path, expected: str) -> None:
    for engine in ENGINES:
        with pytest.raises(MtpipeError, match=expected):
            engine(folder)


def test_an_adapter_that_an_update_wrote_is_taken(folder):
    for engine in ENGINES:
        engine(folder)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("adapter_model.safetensors", b"torn", r"adapter_model\.safetensors is not readable as an adapter"),
        ("adapter_model.safetensors", b"", r"adapter_model\.safetensors is not readable as an adapter"),
        ("adapter_config.json", b"{", r"adapter_config\.json is not readable as JSON"),
        ("adapter_config.json", b"[]", r"adapter_config\.json: r is None; expected a number above 0"),
        ("adapter_config.json", b"{}", r"adapter_config\.json: r is None; expected a number above 0"),
        ("base.json", b"{", r"base\.json is not readable as JSON"),
        ("base.json", b"[]", r"base\.json has \[\]; expected folder, sha256, and quantization"),
    ],
)
def test_a_file_that_is_cut_is_named(folder, name, content, expected):
    (folder / name).write_bytes(content)
    refused(folder, expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("adapter_model.safetensors", r"round1 has no weights \(adapter_model\.safetensors\)"),
        ("adapter_config.json", r"round1 has adapter_model\.safetensors and no adapter_config\.json"),
        ("base.json", r"round1 holds an adapter and no base\.json, .* one from elsewhere becomes model\.checkpoint"),
        ("config.json", "round1 is not readable as a checkpoint"),
        ("tokenizer.json", r"round1 has no tokenizer\.json"),
    ],
)
def test_a_file_that_is_missing_is_named(folder, name, expected):
    (folder / name).unlink()
    refused(folder, expected)


@pytest.mark.parametrize("changes", [{"folder": 3}, {"sha256": None}, {"quantization": "int8"}])
def test_a_base_is_a_folder_with_a_digest_in_full_or_in_nf4(folder, changes):
    edit(folder / "base.json", changes)
    [value] = changes.values()
    refused(folder, rf"base\.json has .*{value!r}.*; expected folder, sha256, and quantization null or nf4; delete")


@pytest.mark.parametrize(
    "changes",
    [
        *({"r": rank} for rank in (0, -1, 4.5, "4", None)),
        *({"lora_alpha": alpha} for alpha in (0, "x", None)),
        *({"peft_type": kind} for kind in ("IA3", "NO_SUCH_KIND")),
        {"task_type": "SEQ_CLS"},
        {"use_dora": True},
        {"bias": "all"},
        {"modules_to_save": ["lm_head"]},
        {"rank_pattern": {"q_proj": 2}},
        {"alpha_pattern": {"q_proj": 64}},
        {"init_lora_weights": "pissa"},
        {"lora_dropout": 0.5},
        {"of_a_later_peft": True},
    ],
)
def test_what_new_adapters_do_not_have_is_refused_by_key_and_value(folder, changes):
    edit(folder / "adapter_config.json", changes)
    [(key, value)] = changes.items()
    with pytest.raises(MtpipeError) as found:
        load_policy(folder)
    assert f"adapter_config.json: {key} is {value!r}; expected " in str(found.value)
    with pytest.raises(MtpipeError) as in_vllm:
        open_in_vllm(folder)
    assert str(in_vllm.value) == str(found.value)


def test_what_a_later_peft_knows_and_has_off_is_passed_over(folder):
    edit(folder / "adapter_config.json", {"of_a_later_peft": False, "peft_version": "99.0"})
    for engine in ENGINES:
        engine(folder)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda tensor: torch.full_like(tensor, torch.nan), "has values that are not finite"),
        (lambda tensor: torch.full_like(tensor, -torch.inf), "has values that are not finite"),
        (lambda tensor: tensor.to(torch.int8), r"is of type torch\.int8; expected float32"),
        (lambda tensor: tensor.to(torch.float8_e4m3fn), r"is of type torch\.float8_e4m3fn; expected float32"),
        (lambda tensor: tensor.T.contiguous(), r"is \[128, 4\], and adapter_config\.json has r 4"),
        (lambda tensor: tensor[:2].clone(), r"is \[2, 128\], and adapter_config\.json has r 4"),
    ],
)
def test_a_tensor_that_no_update_writes_is_named(folder, change: Callable[[Tensor], Tensor], expected):
    stored = load_file(folder / "adapter_model.safetensors")
    save_file(stored | {FIRST: change(stored[FIRST])}, folder / "adapter_model.safetensors")
    refused(folder, rf"adapter_model\.safetensors: {FIRST} {expected}; delete")


@pytest.mark.parametrize("added", ["lm_head.lora_magnitude_vector", "model.norm.weight", f"{FIRST}.bias"])
def test_a_tensor_that_is_no_layers_a_or_b_is_named(folder, added):
    stored = load_file(folder / "adapter_model.safetensors")
    save_file(stored | {added: torch.zeros(4)}, folder / "adapter_model.safetensors")
    refused(folder, rf"has '{added}', which is not one of a layer's A and B")


def test_a_layer_with_a_and_without_b_is_named(folder):
    stored = load_file(folder / "adapter_model.safetensors")
    del stored[FIRST.replace("lora_A", "lora_B")]
    save_file(stored, folder / "adapter_model.safetensors")
    refused(folder, rf"has '{FIRST}', which is not one of a layer's A and B")


@pytest.mark.parametrize("targets", [["q_proj"], ["q_proj", "query"], ["query"], ["q_proj", "lm_head"], ".*q_proj"])
def test_an_adapter_for_other_layers_than_its_bases_is_refused(folder, targets):
    """By the torch engine; vLLM names layers that it does not know when it reads the adapter."""
    edit(folder / "adapter_config.json", {"target_modules": targets})
    with pytest.raises(MtpipeError, match=r"round1.* has other layers|round1 is not readable as an adapter"):
        load_policy(folder)


def test_a_running_vllm_is_not_given_an_adapter_that_is_not_finite(folder):
    """vLLM itself would take it, and sample from it."""
    given = []
    config = SimpleNamespace(lora_config=SimpleNamespace(max_lora_rank=8))
    running = RunningAdapter(SimpleNamespace(vllm_config=config, add_lora=given.append), AdapterBase.read(folder))
    stored = load_file(folder / "adapter_model.safetensors")
    save_file(stored | {FIRST: stored[FIRST] * torch.nan}, folder / "adapter_model.safetensors")
    with pytest.raises(MtpipeError, match="not finite"):
        running.load(folder)
    assert not given


def edit(file: Path, changes: dict[str, object]) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
