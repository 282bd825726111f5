"""Digests of files: SHA-256, remembered of large ones, which take as long to read as to load, and MD5 as DVC has it."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json, write_json

FOLDER = ".dir"
"""How the md5 of a folder ends in dvc.lock; its object in the cache lists the folder's files."""
LARGE = 2**24
"""Bytes from which on a digest is remembered; a smaller file is read in less time than it takes to remember it."""


def file_sha256(file: Path) -> str:
    """SHA-256 of a file's content.

    That of a large one is kept in the project's data folder with what the file system says of the file: its inode,
    size, and times of content and inode. While these stay it is not computed again, as DVC does not either.
    """
    status = _status(file)
    if status[1] < LARGE or not paths.DATA.is_dir():
        return content_sha256(file)
    key, known = str(file.resolve()), remembered()
    entry = known.get(key)
    if isinstance(entry, dict) and entry.get("status") == status:
        return str(entry["sha256"])
    found = content_sha256(file)
    if _status(file) == status:
        left = {name: entry for name, entry in known.items() if os.path.exists(name)}
        write_json(paths.DIGESTS, left | {key: {"status": status, "sha256": found}})
    return found


def remembered() -> dict[str, object]:
    """By path what `file_sha256` keeps of the large files; nothing if the file is not there or not readable."""
    try:
        found = read_json(paths.DIGESTS) if paths.DIGESTS.is_file() else {}
    except MtpipeError:
        return {}
    return found if isinstance(found, dict) else {}


def content_sha256(file: Path) -> str:
    """SHA-256 of a file's content, read now."""
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def file_md5(file: Path) -> str:
    """As DVC writes it into dvc.lock, of a file's content."""
    with open(file, "rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_md5(files: Mapping[str, Path]) -> str:
    """As DVC writes it into dvc.lock, of a folder with these files: that of the list of their own.

    Args:
        files: by their paths within the folder, with slashes.
    """
    listed = [{"md5": file_md5(path), "relpath": name} for name, path in sorted(files.items())]
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + FOLDER


def files_of(folder: Path) -> dict[str, Path]:
    """A folder's files by their paths within it, with slashes."""
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def _status(file: Path) -> list[int]:
    found = file.stat()
    return [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
