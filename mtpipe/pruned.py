"""The mark that a pruned policy leaves, so that a plain `dvc repro` does not train it again for nothing.

DVC runs a stage again whose output is missing, and deletes its other outputs before. The mark knows both: the files
that the policy was made from, and what its stage wrote beside it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json, write_json, write_text


def mark_pruned(policy: Path, made_from: Mapping[str, str], beside: Iterable[Path]) -> None:
    """Leaves the mark of a policy.

    Args:
        made_from: the files that its stage read, with their md5 in dvc.lock.
        beside: the text files that its stage wrote too.
    """
    texts = {str(path): path.read_text(encoding="utf-8") for path in beside}
    write_json(paths.pruned(policy), {"made_from": dict(made_from), "beside": texts})


def is_pruned(path: Path) -> bool:
    """Whether a path, relative to the project's root, is that of a policy that is missing because it was pruned."""
    return path.is_relative_to(paths.POLICIES) and not path.exists() and paths.pruned(path).is_file()


def refuse_to_make_again(policy: Path) -> None:
    """Ends a stage that would make a pruned policy again out of unchanged files; puts back what it wrote beside it.

    Raises MtpipeError, which says how to go on.
    """
    mark = paths.pruned(policy)
    if not mark.is_file():
        return
    left = read_json(mark)
    if any(_md5(Path(path)) != md5 for path, md5 in left["made_from"].items()):
        mark.unlink()
        return
    for path, text in left["beside"].items():
        write_text(Path(path), text)
    raise MtpipeError(
        f"{policy} was pruned, and what it was made from has not changed, so it would be trained again for nothing. "
        f"`dvc repro --allow-missing` takes it for done; to train it again, delete {mark}"
    )


def _md5(path: Path) -> str | None:
    """As DVC writes it into dvc.lock; None for a file that is not there."""
    if not path.is_file():
        return None
    with open(path, "rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
