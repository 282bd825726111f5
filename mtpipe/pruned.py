"""The mark that a removed policy, or optimizer state, leaves, so that it is not trained again for nothing.

DVC runs a stage again whose output is missing, and deletes its other outputs before. The mark knows both: the files
that the removed output was made from, and what its stage wrote beside it.
"""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from mtpipe import paths
from mtpipe.digests import FOLDER, file_md5, files_of, folder_md5
from mtpipe.errors import MtpipeError
from mtpipe.files import atomic, read_json, write_json


def mark_pruned(output: Path, made_from: Mapping[str, str], beside: Mapping[str, str], cache: Path) -> None:
    """Leaves the mark of an output.

    Args:
        made_from: the files and folders that its stage read, with their md5 in dvc.lock.
        beside: the other outputs of its stage, with their md5 in dvc.lock.
        cache: where DVC keeps their content.
    """
    content = {"made_from": dict(made_from), "beside": dict(beside), "cache": str(cache)}
    write_json(paths.pruned(output), content)


def is_pruned(path: Path) -> bool:
    """Whether a path, relative to the project's root, is that of an output that was removed to free disk."""
    return _can_be_pruned(path) and not path.exists() and paths.pruned(path).is_file()


def remedy_if_missing(policy: Path, usual: str) -> str:
    """What to do about a policy that is not there; `usual` unless it was removed."""
    if not is_pruned(policy):
        return usual
    return (
        "it was removed to free disk (storage.keep, or `mtpipe prune`); a run's last policy stays, and `python -m "
        "mtpipe run --retrain` makes older ones again if a stage needs them"
    )


def forget_pruned(path: Path) -> None:
    """Removes the mark of an output, which its stage then makes again."""
    if _can_be_pruned(path):
        paths.pruned(path).unlink(missing_ok=True)


def _can_be_pruned(path: Path) -> bool:
    return path.is_relative_to(paths.POLICIES) or path.is_relative_to(paths.OPTIMIZERS)


def refuse_to_make_again(outputs: Iterable[Path]) -> None:
    """Ends a stage that would make a removed output again out of unchanged files; puts back what it wrote beside it.

    Raises MtpipeError, which says how to go on.
    """
    removed = [output for output in outputs if paths.pruned(output).is_file()]
    marks = [read_json(paths.pruned(output)) for output in removed]
    if not all(_is_still(Path(path), md5) for mark in marks for path, md5 in mark["made_from"].items()):
        for output in removed:
            forget_pruned(output)
        return
    for mark in marks:
        for path, md5 in mark["beside"].items():
            if Path(path) not in removed:
                _put_back(Path(path), md5, Path(mark["cache"]))
    if missing := [str(output) for output in removed if not output.exists()]:
        raise MtpipeError(
            f"{' and '.join(missing)}: removed to free disk (storage.keep, or `mtpipe prune`), and what it was made "
            f"from has not changed, so it would be trained again for nothing. `python -m mtpipe run` and `dvc repro "
            f"--allow-missing` take it for done; `python -m mtpipe run --retrain` trains again what a stage needs of it"
        )


def cache_object(cache: Path, md5: str) -> Path:
    """Where DVC keeps the content with an md5."""
    return cache / md5[:2] / md5[2:]


def _put_back(path: Path, md5: str, cache: Path) -> None:
    """Copies an output that DVC has deleted from DVC's cache; one that is not there has been removed as well."""
    source = cache_object(cache, md5)
    if path.exists() or not source.is_file():
        return
    with atomic(path) as target:
        if not md5.endswith(FOLDER):
            shutil.copyfile(source, target)
            return
        for file in read_json(source):
            (target / file["relpath"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(cache_object(cache, file["md5"]), target / file["relpath"])


def _is_still(path: Path, md5: str) -> bool:
    """Whether a file or a folder has the md5 of dvc.lock; a policy that was removed itself has."""
    if md5.endswith(FOLDER):
        return is_pruned(path) or (path.is_dir() and folder_md5(files_of(path)) == md5)
    return path.is_file() and file_md5(path) == md5
