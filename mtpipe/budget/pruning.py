"""Frees the disk of old policies that no stage still has to read.

A policy takes far more disk than everything else in its round together, and twice over: in the workspace and in the
DVC cache. dvc.lock keeps its entry, so that `dvc repro --allow-missing` takes the round for done; a mark
(`mtpipe.pruned`) keeps a plain `dvc repro` from training it again.
"""

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.lock import LockError
from dvc.repo import Repo, lock_repo
from ruamel.yaml import YAML

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.params import Params
from mtpipe.pruned import mark_pruned

_DIRECTORY = ".dir"
"""How the name of a folder's cache object ends; the object lists the folder's files."""


@dataclass
class Pruned:
    """What was freed, or would be.

    `policies` are the folders that went, from the workspace or the cache; `needed` names for each old policy that
    stayed the stage that it stayed for; `freed` is in bytes; `shared_cache` is a cache outside the project, which is
    left alone because other projects may read it.
    """

    policies: list[Path] = field(default_factory=list)
    needed: dict[Path, str] = field(default_factory=dict)
    freed: int = 0
    shared_cache: Path | None = None

    def describe(self, dry_run: bool) -> str:
        """What went, what stayed and why, the bytes, and how to go on."""
        lines = [f"{'would prune' if dry_run else 'pruned'}  {policy}" for policy in self.policies]
        lines += [f"kept    {policy}: {stage} has yet to run" for policy, stage in self.needed.items()]
        if self.shared_cache:
            lines.append(f"kept    the cache {self.shared_cache}: it lies outside the project, others may read it")
        lines.append(f"{'would free' if dry_run else 'freed'} {self.freed} bytes ({self.freed / 1e9:.3f} GB)")
        if self.policies:
            lines += ["", "Go on with", "    dvc repro --allow-missing", ""]
            lines.append("A plain `dvc repro` ends at the first missing policy, rather than train it again.")
        return "\n".join(lines)


def prune(params: Params, keep: int, dry_run: bool = False) -> Pruned:
    """Removes each run's policies but the last `keep`, from the workspace and from the DVC cache.

    A policy stays where a stage of the present dvc.yaml and params.yaml has yet to read it, an evaluation say, or
    where it was edited by hand. A cache object stays where any other output of dvc.lock or of a .dvc file holds it.

    Raises MtpipeError outside a DVC project and while a `dvc repro` runs.
    """
    if keep < 1:
        raise MtpipeError(f"--keep is {keep}; expected at least 1: the last policy of a run is never pruned")
    try:
        repo = Repo()
        with lock_repo(repo):
            return _prune(repo, params, keep, dry_run)
    except NotDvcRepoError:
        raise MtpipeError("this folder is not a DVC project; run from the project's root") from None
    except LockError:
        raise MtpipeError("DVC is at work in this project; prune when its `dvc repro` has ended") from None
    except DvcException as error:
        raise MtpipeError(f"DVC cannot read the project: {error}") from error


def _prune(repo: Repo, params: Params, keep: int, dry_run: bool) -> Pruned:
    result = Pruned()
    old = [
        paths.policy(arm, seed, round)
        for arm in params.arms
        for seed in params.seeds
        for round in range(_policies_of(params, arm, seed) - keep)
    ]
    waiting = _stages_to_run(repo, set(old))
    gone = []
    for policy in old:
        if needed_by := waiting.get(policy):
            result.needed[policy] = needed_by
        else:
            gone.append(policy)

    cache = Path(repo.cache.local.path)
    if not cache.is_relative_to(repo.dvc_dir):
        result.shared_cache = cache
    recorded = _recorded_outputs(repo)
    held = {oid for path, root in recorded if path not in gone for oid in _objects(cache, root)}
    removed: dict[Path, list[Path]] = {}
    for policy in gone:
        objects = [oid for path, root in recorded if path == policy for oid in _objects(cache, root)]
        free = [] if result.shared_cache else [_object(cache, oid) for oid in objects if oid not in held]
        found = [file for file in free if file.is_file()]
        if policy.is_dir() or found:
            removed[policy] = found
    result.policies = list(removed)
    result.freed = _freed([*_files(removed), *(file for files in removed.values() for file in files)])
    if not dry_run:
        makers = _makers(repo, set(removed))
        for policy, objects_of_policy in removed.items():
            if policy in makers:
                mark_pruned(policy, *makers[policy])
            _remove_folder(policy)
            for file in objects_of_policy:
                file.unlink(missing_ok=True)
    return result


def _policies_of(params: Params, arm: str, seed: int) -> int:
    """How many policies a run has made so far, round 0's included: counted up to the last that is there."""
    made = [round.next for round in params.rounds if paths.policy(arm, seed, round.next).is_dir()]
    return max(made, default=0) + 1


def _stages_to_run(repo: Repo, policies: set[Path]) -> dict[Path, str]:
    """For each of the policies that a stage still has to read or write, the stage's name.

    A stage that is done has its deps, params and outputs as dvc.lock has them, or missing.
    """
    waiting: dict[Path, str] = {}
    for stage in repo.index.stages:
        touched = policies & {Path(os.path.relpath(item.fs_path)) for item in [*stage.deps, *stage.outs]}
        if touched and stage.changed(allow_missing=True):
            waiting.update(dict.fromkeys(touched, stage.addressing))
    return waiting


def _makers(repo: Repo, policies: set[Path]) -> dict[Path, tuple[dict[str, str], list[Path]]]:
    """For each policy the files that its stage reads, with their md5 in dvc.lock, and the files that it writes too."""
    found = {}
    for stage in repo.index.stages:
        written = {Path(os.path.relpath(out.fs_path)) for out in stage.outs}
        for policy in policies & written:
            read = {os.path.relpath(dep.fs_path): dep.hash_info for dep in stage.deps}
            hashed = {path: each.value for path, each in read.items() if each and each.name == "md5"}
            files = {path: md5 for path, md5 in hashed.items() if not md5.endswith(_DIRECTORY)}
            found[policy] = (files, sorted(path for path in written if path.is_file()))
    return found


def _recorded_outputs(repo: Repo) -> list[tuple[Path, str]]:
    """Path and hash of every output in dvc.lock, whether dvc.yaml still has its stage or not, and in .dvc files."""
    recorded = [(Path(os.path.relpath(out.fs_path)), out.hash_info.value) for out in repo.index.outs if out.hash_info]
    lock = Path(repo.root_dir) / "dvc.lock"
    content: Any = YAML(typ="safe").load(lock.read_text(encoding="utf-8")) if lock.is_file() else None
    for stage in ((content or {}).get("stages") or {}).values():
        recorded += [(Path(out["path"]), out["md5"]) for out in stage.get("outs", []) if "md5" in out]
    return recorded


def _object(cache: Path, oid: str) -> Path:
    return cache / oid[:2] / oid[2:]


def _objects(cache: Path, root: str) -> list[str]:
    """The objects of one output: its files', and last its own, so that an interrupted prune can be repeated."""
    listing = _object(cache, root)
    if not (root.endswith(_DIRECTORY) and listing.is_file()):
        return [root]
    return [*(entry["md5"] for entry in json.loads(listing.read_text(encoding="utf-8"))), root]


def _files(folders: Iterable[Path]) -> list[Path]:
    return [file for folder in folders for file in folder.rglob("*") if not file.is_dir() or file.is_symlink()]


def _freed(files: list[Path]) -> int:
    """Bytes: each file once, however many links lead to it, and only where all of them are among `files`."""
    links: dict[tuple[int, int], int] = {}
    sizes = {}
    for file in set(files):
        found = file.lstat()
        inode = (found.st_dev, found.st_ino)
        links[inode] = links.get(inode, 0) + 1
        sizes[inode] = (found.st_size, found.st_nlink)
    return sum(size for inode, (size, count) in sizes.items() if links[inode] >= count)


def _remove_folder(policy: Path) -> None:
    """Moves the folder aside first: half a policy would look like an edited one, and its round would run again."""
    aside = policy.with_name(f".{policy.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    if policy.is_dir():
        os.replace(policy, aside)
        shutil.rmtree(aside)
