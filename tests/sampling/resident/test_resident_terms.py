"""When two stages share a resident engine, and when a policy counts as loaded."""

import json
import os
import shutil

import pytest

from mtpipe.sampling.resident.terms import identity, terms_for


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins").mkdir()
    return tmp_path


@pytest.fixture
def copy(policy_folder, tmp_path):
    return shutil.copytree(policy_folder, tmp_path / "policy")


def edit(file, **changes) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def adapt(folder, base: str) -> None:
    (folder / "adapter_config.json").write_text('{"r": 8}')
    (folder / "base.json").write_text(json.dumps({"folder": "../base", "sha256": base, "quantization": None}))


def test_adapters_of_another_base_have_other_terms(project, copy, params):
    found = []
    for base in "112":
        adapt(copy, base)
        found.append(terms_for(copy, params.sampling, params.compute))
    assert found[0] == found[1] != found[2]


def test_policies_of_one_model_have_the_same_terms_whatever_their_weights_and_place(
    project, copy, policy_folder, params
):
    before = terms_for(policy_folder, params.sampling, params.compute)
    (copy / "model.safetensors").write_bytes(b"others")
    edit(copy / "config.json", _name_or_path="elsewhere", transformers_version="4.0")
    shorter = params.sampling.model_copy(update={"max_new_tokens": 7, "prompts": 3})
    assert terms_for(copy, shorter, params.compute) == before


@pytest.mark.parametrize(
    ("parts", "change"),
    [
        ("model", lambda folder: edit(folder / "config.json", num_hidden_layers=9)),
        ("model", lambda folder: edit(folder / "config.json", dtype="bfloat16")),
        ("model", lambda folder: (folder / "tokenizer.json").write_bytes(b"another")),
        ("model stages_at_once", lambda folder: adapt(folder, base="1")),
        ("code", lambda folder: (folder.parent / "plugins" / "mine.py").write_text("x = 1")),
        ("environment", lambda folder: os.environ.update(VLLM_BATCH_INVARIANT="1")),
    ],
)
def test_what_an_engine_is_made_of_changes_the_terms(project, copy, params, monkeypatch, parts, change):
    monkeypatch.setenv("VLLM_BATCH_INVARIANT", "0")
    before = terms_for(copy, params.sampling, params.compute)
    change(copy)
    after = terms_for(copy, params.sampling, params.compute)
    assert [name for name in after if after[name] != before[name]] == parts.split()


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("sampling", {"batch_size": 3}),
        ("sampling", {"engine": "vllm"}),
        ("sampling", {"torch_dtype": "bfloat16"}),
        ("compute", {"threads": 7}),
    ],
)
def test_settings_of_the_engine_change_the_terms(project, copy, params, part, changes):
    before = terms_for(copy, params.sampling, params.compute)
    settings = {"sampling": params.sampling, "compute": params.compute}
    settings[part] = settings[part].model_copy(update=changes)
    after = terms_for(copy, settings["sampling"], settings["compute"])
    assert [name for name in after if after[name] != before[name]] == [part]


def test_a_policy_is_known_again_until_a_file_of_it_is_touched_replaced_or_added(copy):
    before = identity(copy)
    assert identity(copy) == before
    weights = copy / "model.safetensors"
    status = weights.stat()
    weights.write_bytes(bytes(status.st_size))
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert identity(copy) != before, "size and time of the content are the old ones"
    before = identity(copy)
    (copy / "base.json").write_text("{}")
    assert identity(copy) != before
