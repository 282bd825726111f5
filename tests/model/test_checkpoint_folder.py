"""Wrong checkpoints are told before anything is deleted."""

import pytest
from builders import write_params

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.model.checkpoint_folder import check_checkpoint


@pytest.mark.parametrize(
    ("checkpoint", "files", "expected"),
    [
        (
            "Qwen/Qwen2.5-0.5B",
            None,
            r"that folder does not exist; .*hf download Qwen/Qwen2\.5-0\.5B --local-dir models/qwen2\.5-0\.5b",
        ),
        ("models/absent/here", None, "that folder does not exist; give the folder"),
        ("empty", {}, r"a folder without config\.json, tokenizer\.json, model\*\.safetensors"),
        ("half", {"config.json": "{}", "tokenizer.json": "{}"}, r"without model\*\.safetensors"),
        ("torn", {"config.json": "{", "tokenizer.json": "", "model.safetensors": ""}, r"config\.json is not readable"),
    ],
)
def test_a_wrong_checkpoint_is_told_with_the_remedy(tmp_path, monkeypatch, checkpoint, files, expected):
    monkeypatch.chdir(tmp_path)
    if files is not None:
        (tmp_path / checkpoint).mkdir()
        for name, text in files.items():
            (tmp_path / checkpoint / name).write_text(text)
    with pytest.raises(MtpipeError, match=expected):
        check_checkpoint(checkpoint)


def test_a_checkpoint_and_none_are_accepted(policy_folder):
    check_checkpoint(None)
    check_checkpoint(str(policy_folder))


def test_the_plan_refuses_it_before_any_stage_runs(tmp_path, monkeypatch):
    from stages import plan

    monkeypatch.chdir(tmp_path)
    write_params({"model.checkpoint": "Qwen/Qwen2.5-0.5B"})
    with pytest.raises(MtpipeError, match=r"model\.checkpoint is 'Qwen/Qwen2\.5-0\.5B'"):
        plan.main()
    assert not paths.PLAN.exists()
