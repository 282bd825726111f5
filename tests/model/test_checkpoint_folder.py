"""Wrong checkpoints are told before anything is deleted."""

import shutil

import pytest
from builders import write_params

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.hub import hub_revision
from mtpipe.learn.warm_start import place_checkpoint
from mtpipe.model.checkpoint_folder import check_checkpoint
from mtpipe.settings.model import StartingModel

WHOLE = {"config.json": '{"model_type": "qwen2"}', "tokenizer.json": "{}", "model.safetensors": "torn"}


@pytest.mark.parametrize(
    ("checkpoint", "files", "expected"),
    [
        ("models/absent/here", None, "that folder does not exist; give the folder"),
        ("empty", {}, r"a folder without config\.json, tokenizer\.json, model\*\.safetensors"),
        ("half", {"config.json": "{}", "tokenizer.json": "{}"}, r"without model\*\.safetensors"),
        ("torn", {**WHOLE, "config.json": "{"}, r"config\.json is not readable"),
        ("list", {**WHOLE, "config.json": "[]"}, r"config\.json names no model_type"),
        ("nameless", {**WHOLE, "config.json": "{}"}, r"config\.json names no model_type"),
        ("cut", WHOLE, r"model\.safetensors is no whole safetensors file: .*; copy it again"),
        (
            "adapter",
            {**WHOLE, "adapter_config.json": "{}"},
            r"holds an adapter \(adapter_config\.json\); add it to its base",
        ),
        (
            "bare adapter",
            {"adapter_config.json": "{}"},
            r"holds an adapter \(adapter_config\.json\); add it to its base",
        ),
        (
            "gptq",
            {**WHOLE, "config.json": '{"model_type": "qwen2", "quantization_config": {"quant_method": "gptq"}}'},
            r"quantization_config \{'quant_method': 'gptq'\}\), .* give the checkpoint with its weights in full",
        ),
    ],
)
def test_a_wrong_checkpoint_is_told_with_the_remedy(tmp_path, monkeypatch, checkpoint, files, expected):
    monkeypatch.chdir(tmp_path)
    if files is not None:
        (tmp_path / checkpoint).mkdir()
        for name, text in files.items():
            (tmp_path / checkpoint / name).write_text(text)
    with pytest.raises(MtpipeError, match=rf"model\.checkpoint is '{checkpoint}', .*{expected}"):
        check_checkpoint(checkpoint)


@pytest.mark.parametrize("index", ['{"weight_map": {"lm_head.weight": "model-2.safetensors"}}', "{", "[]"])
def test_a_checkpoint_in_pieces_has_all_that_its_index_names(policy_folder, tmp_path, index):
    folder = shutil.copytree(policy_folder, tmp_path / "copy")
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(
        MtpipeError, match=r"model-2\.safetensors, which model\.safetensors\.index|safetensors\.index\.json"
    ):
        check_checkpoint(str(folder))
    (folder / "model.safetensors").rename(folder / "model-2.safetensors")
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"lm_head.weight": "model-2.safetensors"}}')
    check_checkpoint(str(folder))


def test_a_checkpoint_and_none_are_accepted(policy_folder):
    check_checkpoint(None)
    check_checkpoint(str(policy_folder))


def test_the_plan_refuses_it_before_any_stage_runs(tmp_path, monkeypatch):
    from stages import plan

    monkeypatch.chdir(tmp_path)
    write_params({"model.checkpoint": "models/absent"})
    with pytest.raises(MtpipeError, match=r"model\.checkpoint is 'models/absent'"):
        plan.main()
    assert not paths.PLAN.exists()


def test_what_the_hub_s_command_notes_is_its_revision_and_no_part_of_the_policy(tmp_path, policy_folder):
    downloaded, revision = tmp_path / "downloaded", "8faed761d45a263340a0528343f099c05c9a4323"
    shutil.copytree(policy_folder, downloaded)
    assert hub_revision(str(downloaded)) is None
    noted = downloaded / ".cache" / "huggingface" / "download" / "config.json.metadata"
    noted.parent.mkdir(parents=True)
    noted.write_text(f"{revision}\netag\n1764240000.0\n")
    assert hub_revision(str(downloaded)) == revision
    place_checkpoint(tmp_path / "placed", StartingModel(checkpoint=str(downloaded)), None, 128)
    assert {file.name for file in (tmp_path / "placed").iterdir()} == {file.name for file in policy_folder.iterdir()}
