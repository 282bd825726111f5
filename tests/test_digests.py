"""A large file is read once, until anything about it has changed."""

import hashlib
import os

import pytest

from mtpipe import digests
from mtpipe.digests import file_sha256


@pytest.fixture
def reads(tmp_path, monkeypatch) -> list[str]:
    """The files whose content was read, in a project where 4 bytes are large."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(digests, "LARGE", 4)
    found, compute = [], digests.content_sha256
    monkeypatch.setattr(digests, "content_sha256", lambda file: found.append(file.name) or compute(file))
    return found


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_digest_is_that_of_the_content_and_only_a_changed_file_is_read_again(reads, tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"12345")
    assert [file_sha256(file) for _ in range(3)] == [digest(b"12345")] * 3
    assert reads == ["weights"]
    before = file.stat()
    file.write_bytes(b"54321")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file_sha256(file) == digest(b"54321"), "same size and time of content, and the time of the inode tells"
    other = tmp_path / "other"
    other.write_bytes(b"54321")
    os.replace(other, file)
    file_sha256(file)
    assert reads == ["weights"] * 3


def test_small_files_and_files_outside_a_project_are_read_each_time(reads, tmp_path):
    small = tmp_path / "small"
    small.write_bytes(b"123")
    assert file_sha256(small) == file_sha256(small) == digest(b"123")
    assert not (tmp_path / "data" / "digests.json").exists()
    (tmp_path / "data").rmdir()
    large = tmp_path / "large"
    large.write_bytes(b"12345")
    assert file_sha256(large) == file_sha256(large) == digest(b"12345")
    assert reads == ["small", "small", "large", "large"]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("text", ["", "[1]", '{"a": 1}'])
def test_a_broken_memory_is_made_anew_and_files_that_are_gone_are_forgotten(reads, tmp_path, text):
    (tmp_path / "data" / "digests.json").write_text(text)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"12345")
        assert file_sha256(tmp_path / name) == digest(b"12345")
    (tmp_path / "a").unlink()
    (tmp_path / "c").write_bytes(b"12345")
    file_sha256(tmp_path / "c")
    assert sorted(digests.remembered()) == [str(tmp_path / "b"), str(tmp_path / "c")]
