"""Writing files and folders so that a half-written one never looks finished."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mtpipe import paths
from mtpipe.errors import MtpipeError


@contextmanager
def atomic(target: Path) -> Iterator[Path]:
    """Gives a path beside `target` to write a file or folder to, and moves it into place at the end.

    On any error the partial result is removed and `target` stays as it was. Raises MtpipeError if the
    system refuses the write (disk full, no permission), naming the file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    _remove(partial)
    try:
        yield partial
        if partial.is_dir():
            _remove(target)
        else:
            with open(partial, "rb") as written:
                os.fsync(written.fileno())
        os.replace(partial, target)
    except OSError as error:
        if isinstance(error.filename, str) and partial not in (Path(error.filename), *Path(error.filename).parents):
            raise  # it is about another file, that was to be read
        raise MtpipeError(f"{target} could not be written: {error.strerror or error}; nothing was changed") from error
    finally:
        _remove(partial)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Writes a text file atomically."""
    with atomic(target) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any) -> None:
    """Writes JSON atomically; refuses NaN and infinity, which JSON cannot hold."""
    write_text(target, json.dumps(value, indent=1, allow_nan=False) + "\n")


def bring_back(path: Path) -> str:
    """What to do about a file or folder that was cut or replaced; DVC may take it for the one that it was."""
    if path.resolve().is_relative_to(paths.DATA.resolve()):
        return f"bring it back with `rm -r {path}` and `dvc repro`"
    return "put a whole one in its place"


def read_json(path: Path) -> Any:
    """Raises MtpipeError if the file is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MtpipeError(f"{path} is missing; `dvc repro` makes it") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise MtpipeError(f"{path} is not readable as JSON: {error}; {bring_back(path)}") from None
