"""Where a policy came from: the hashes that dvc.lock has of it and of the files before it."""

from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from mtpipe import paths
from mtpipe.digests import files_of, folder_md5
from mtpipe.errors import MtpipeError
from mtpipe.pruned import remedy_if_missing

POLICY_HASH = "dvc.policy"
_LOCK = Path("dvc.lock")


@dataclass(frozen=True)
class Lineage:
    """The hashes of dvc.lock: as `tags` those of a policy and of what its stage read, in `hashes` all before it too."""

    tags: dict[str, str]
    hashes: dict[str, str]


def read_lineage(folder: Path) -> Lineage:
    """Reads a policy's lineage from dvc.lock.

    Raises MtpipeError if dvc.lock does not have the policy, or another one than lies in the folder.
    """
    try:
        stages = YAML(typ="safe").load(_LOCK.read_text(encoding="utf-8"))["stages"]
    except FileNotFoundError:
        raise MtpipeError(f"{_LOCK} is missing; run `dvc repro` in the project's root") from None
    made_by = {out["path"]: (stage, out["md5"]) for stage, found in stages.items() for out in found.get("outs", [])}
    if folder.as_posix() not in made_by:
        raise MtpipeError(f"{_LOCK} does not know {folder}; `dvc repro` makes it")
    stage, expected = made_by[folder.as_posix()]
    if not folder.is_dir() or folder_digest(folder) != expected:
        remedy = remedy_if_missing(folder, "run `dvc repro`, or `dvc checkout`")
        raise MtpipeError(f"{folder} is not what {_LOCK} says (md5 {expected}); {remedy}")

    def data_read_by(stage: str) -> dict[str, str]:
        deps = stages[stage].get("deps", [])
        return {dep["path"]: dep["md5"] for dep in deps if dep["path"].startswith(f"{paths.DATA}/")}

    hashes: dict[str, str] = {}
    waiting = {folder.as_posix(): expected}
    while waiting:
        path, digest = waiting.popitem()
        hashes[path] = digest
        for out, (maker, _) in made_by.items():
            if path == out or path.startswith(f"{out}/"):
                waiting |= {each: value for each, value in data_read_by(maker).items() if each not in hashes}
    read = {
        "dvc.from." + ("plan" if Path(path).stem.startswith("round") else Path(path).stem): digest
        for path, digest in data_read_by(stage).items()
    }
    return Lineage({POLICY_HASH: expected, "dvc.stage": stage, **read}, dict(sorted(hashes.items())))


def folder_digest(folder: Path) -> str:
    """A folder's md5 as DVC writes it into dvc.lock: that of the list of its files' md5."""
    return folder_md5(files_of(folder))
