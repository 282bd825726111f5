"""Bad files and bad disks: a clear error, and nothing lost."""

import errno
import os

import pyarrow.parquet as pq
import pytest

from mtpipe import files, paths
from mtpipe.errors import MtpipeError
from mtpipe.files import atomic, read_json, write_json
from mtpipe.model.policy import load_policy
from mtpipe.records import PROBLEMS, read_rows, write_rows
from mtpipe.temperature import entropy_table
from mtpipe.temperature.controllers import state

ROW = {"problem_id": "p", "task": "arithmetic", "split": "train", "prompt": "1+1>", "answer": "2", "meta": "{}"}


def test_rows_survive_their_file(tmp_path):
    write_rows(tmp_path / "problems.parquet", [ROW], PROBLEMS)
    assert read_rows(tmp_path / "problems.parquet", PROBLEMS) == [ROW]


def test_a_missing_column_is_named(tmp_path):
    file = tmp_path / "problems.parquet"
    write_rows(file, [ROW], PROBLEMS)
    pq.write_table(pq.read_table(file).drop_columns(["answer"]), file)
    with pytest.raises(MtpipeError, match=r"problems\.parquet has no column 'answer'"):
        read_rows(file, PROBLEMS)


def test_a_column_of_another_type_is_named(tmp_path):
    file = tmp_path / "problems.parquet"
    write_rows(file, [ROW], PROBLEMS)
    table = pq.read_table(file)
    pq.write_table(table.set_column(4, "answer", [[2]]), file)
    with pytest.raises(MtpipeError, match="column 'answer' holds int64; expected string"):
        read_rows(file, PROBLEMS)


def test_a_file_without_rows_is_refused(tmp_path):
    write_rows(tmp_path / "problems.parquet", [], PROBLEMS)
    with pytest.raises(MtpipeError, match="has no rows"):
        read_rows(tmp_path / "problems.parquet", PROBLEMS)


@pytest.mark.parametrize("keep", [0, 4, 0.5, -1])
def test_a_truncated_file_is_refused(tmp_path, keep):
    file = tmp_path / "problems.parquet"
    write_rows(file, [ROW], PROBLEMS)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(MtpipeError, match=r"problems\.parquet is not readable as Parquet"):
        read_rows(file, PROBLEMS)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MtpipeError, match="`dvc repro` makes it"):
        read_rows(tmp_path / "problems.parquet", PROBLEMS)


def test_a_full_disk_leaves_the_old_file_and_no_partial_one(tmp_path, monkeypatch):
    file = tmp_path / "metrics.json"
    write_json(file, {"old": 1})

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(MtpipeError, match=r"metrics\.json could not be written: No space left on device"):
        write_json(file, {"new": 2})
    assert read_json(file) == {"old": 1}
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_while_a_folder_is_written_leaves_no_partial_folder(tmp_path):
    with pytest.raises(MtpipeError, match="No space left"), atomic(tmp_path / "policy") as folder:
        folder.mkdir()
        (folder / "half").write_text("written")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_writing_leaves_the_old_folder(tmp_path):
    target = tmp_path / "policy"
    target.mkdir()
    (target / "weights").write_text("old")
    with pytest.raises(ZeroDivisionError), atomic(target) as folder:
        folder.mkdir()
        raise ZeroDivisionError
    assert (target / "weights").read_text() == "old"


def test_a_missing_file_that_was_to_be_read_meanwhile_is_no_fault_of_writing(tmp_path):
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "policy") as folder:
        folder.mkdir()
        (tmp_path / "checkpoint").read_text()
    assert list(tmp_path.iterdir()) == []


def test_json_that_is_none_is_refused(tmp_path):
    (tmp_path / "plan.json").write_text("{half")
    with pytest.raises(MtpipeError, match=r"plan\.json is not readable as JSON"):
        read_json(tmp_path / "plan.json")


def test_a_checkpoint_folder_without_weights_is_refused(tmp_path, policy_folder):
    with pytest.raises(MtpipeError, match="is missing"):
        load_policy(tmp_path / "policy")
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((policy_folder / name).read_bytes())
    with pytest.raises(MtpipeError, match=r"has no weights \(model\*\.safetensors\)"):
        load_policy(tmp_path)
    (tmp_path / "model.safetensors").write_bytes((policy_folder / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(MtpipeError, match="not readable as a checkpoint"):
        load_policy(tmp_path)


@pytest.mark.parametrize("content", ["", '{"quantiles": [0.0, 1', "[1, 2]", '{"quantiles": 3}'])
def test_a_cut_or_foreign_table_or_state_of_a_policy_is_named_with_the_way_back(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    policy = paths.policy("token", 1, 1)
    policy.mkdir(parents=True)
    (policy / entropy_table.FILE_NAME).write_text(content)
    (policy / state.FILE_NAME).write_text(content.replace('{"quantiles": 3}', "3"))
    with pytest.raises(MtpipeError, match=rf"{entropy_table.FILE_NAME}.*`rm -r {policy}.*` and `dvc repro`"):
        entropy_table.entropy_at(policy, 0.8)
    with pytest.raises(MtpipeError, match=rf"{state.FILE_NAME}.*`rm -r {policy}.*` and `dvc repro`"):
        state.read_state(policy)


def test_a_file_that_no_stage_wrote_is_not_to_be_removed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(MtpipeError, match="put a whole one in its place"):
        read_json(tmp_path / "config.json")
