"""Frees the disk of policies and optimizer states that no stage has yet to read, in the workspace and in DVC's cache.

A policy takes far more disk than everything else in its round together. Its entry in dvc.lock stays, and a mark
(`mtpipe.pruned`) tells a removed output from a lost one.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mtpipe import paths
from mtpipe.digests import FOLDER
from mtpipe.pruned import cache_object, is_pruned, mark_pruned
from mtpipe.run.study.lock import outputs_of_lock, outputs_of_parts
from mtpipe.run.study.project import Entry, Project, ProjectStage


@dataclass(frozen=True)
class Freed:
    """Outputs that were removed, or would be, and the bytes that this frees."""

    outputs: list[Path] = field(default_factory=list)
    bytes: int = 0


def old_outputs(written: Collection[Path], keep: int) -> list[Path]:
    """What could be removed of each run: policies and optimizer states, all but its last.

    Args:
        written: outputs of stages.
        keep: how many of a run's last policies stay with their optimizer states; with 0 the last policy's weights do.
    """
    rounds: dict[Path, dict[int, Path]] = {}
    for path in written:
        found = re.fullmatch(r"round(\d+)(\.safetensors)?", path.name)
        if found and path.parent.parent.parent in (paths.POLICIES, paths.OPTIMIZERS):
            rounds.setdefault(path.parent, {})[int(found[1])] = path
    old = []
    for folder, of_run in rounds.items():
        run = paths.POLICIES / folder.relative_to(folder.parent.parent)
        made = [round for round in of_run if (run / f"round{round}").is_dir()]
        stay = keep if folder.is_relative_to(paths.OPTIMIZERS) else max(keep, 1)
        old += [path for round, path in sorted(of_run.items()) if made and round <= max(made) - stay]
    return [path for path in old if not (is_copy(path) and path.is_relative_to(paths.OPTIMIZERS))]


def is_copy(output: Path) -> bool:
    """Whether it is round 0's: the warm start's weights or a new adapter, and an optimizer state without content."""
    return output.stem == "round0"


def is_needed(output: Path, needed: Iterable[Path]) -> bool:
    """Whether an output is among these paths, or lies in one of them, or has one of them in it."""
    return any(output.is_relative_to(path) or path.is_relative_to(output) for path in needed)


@contextmanager
def storage_lock() -> Iterator[None]:
    """Held while objects of the cache are removed, and while a part notes which ones it has left there."""
    paths.LOCKS.mkdir(parents=True, exist_ok=True)
    with open(paths.LOCKS / "storage", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def free_old(
    project: Project,
    ended: Sequence[ProjectStage],
    ahead: Sequence[ProjectStage],
    entries: Mapping[str, Entry],
    keep: int,
    elsewhere: Iterable[str],
) -> None:
    """Removes what no stage of a chain has yet to read or write.

    Args:
        ended: the stages of the chain that are up to date.
        ahead: its other stages.
        entries: lock entries by stage.
        keep: `storage.keep`.
        elsewhere: paths that stages of other parts read, and that stay.
    """
    needed = [*(path for stage in ahead for path in (*stage.reads, *stage.writes)), *map(Path, elsewhere)]
    makers = {path: entries[stage.name] for stage in ended if stage.name in entries for path in stage.writes}
    old = [path for path in old_outputs(makers.keys(), keep) if not is_needed(path, needed)]
    here = {path: makers[path] for path in old if path.exists() or _left_in_cache(project.cache, path, makers[path])}
    if here:
        free(project, here.keys(), here)


def _left_in_cache(cache: Path, output: Path, entry: Entry) -> bool:
    """Whether a removal was cut off after the workspace; what is only a copy has its content in use elsewhere."""
    roots = [out["md5"] for out in entry.get("outs", []) if Path(out["path"]) == output and "md5" in out]
    return not is_copy(output) and any(cache_object(cache, md5).is_file() for md5 in roots)


def free(project: Project, outputs: Collection[Path], makers: Mapping[Path, Entry], dry_run: bool = False) -> Freed:
    """Removes outputs, and their objects in the cache but for those that another output of dvc.lock holds.

    A cache outside the project is left alone, because other projects may read it.

    Args:
        makers: for each of the outputs the lock entry of the stage that made it.
    """
    with storage_lock():
        # Part locks first: an entry moves from them into dvc.lock, never back.
        found = [*outputs_of_parts(), *outputs_of_lock(), *project.tracked_files()]
        recorded = [(Path(path), md5) for path, md5 in dict.fromkeys(found)]
        cache = project.cache
        kept = (md5 for path, md5 in recorded if path not in outputs and not is_pruned(path))
        held = {md5 for root in kept for md5 in objects_in_cache(cache, root)}
        removed: dict[Path, list[Path]] = {}
        for output in outputs:
            roots = dict.fromkeys(md5 for path, md5 in recorded if path == output)
            objects = [md5 for root in roots for md5 in objects_in_cache(cache, root) if md5 not in held]
            files = [] if project.cache_is_shared else [cache_object(cache, md5) for md5 in objects]
            if output.exists() or any(file.is_file() for file in files):
                removed[output] = [file for file in files if file.is_file()]
        freed = Freed(
            list(removed), _bytes([*_files(removed), *(each for files in removed.values() for each in files)])
        )
        for output, files in removed.items() if not dry_run else ():
            _mark(output, makers[output], cache)
            _remove(output)
            for file in files:
                file.unlink(missing_ok=True)
    return freed


def _mark(output: Path, entry: Entry, cache: Path) -> None:
    made_from = {dep["path"]: dep["md5"] for dep in entry.get("deps", []) if "md5" in dep}
    beside = {out["path"]: out["md5"] for out in entry.get("outs", []) if "md5" in out and Path(out["path"]) != output}
    mark_pruned(output, made_from, beside, Path(os.path.relpath(cache)))


def objects_in_cache(cache: Path, root: str) -> list[str]:
    """The objects of one output: its files', and last its own, so that an interrupted removal can be repeated."""
    listing = cache_object(cache, root)
    if not (root.endswith(FOLDER) and listing.is_file()):
        return [root]
    return [*(entry["md5"] for entry in json.loads(listing.read_text(encoding="utf-8"))), root]


def _files(outputs: Iterable[Path]) -> list[Path]:
    found = [file for output in outputs for file in (output.rglob("*") if output.is_dir() else [output])]
    return [file for file in found if file.is_symlink() or file.is_file()]


def _bytes(files: list[Path]) -> int:
    """Bytes: each file once, however many links lead to it, and only where all of them are among `files`."""
    links: dict[tuple[int, int], int] = {}
    sizes = {}
    for file in set(files):
        found = file.lstat()
        inode = (found.st_dev, found.st_ino)
        links[inode] = links.get(inode, 0) + 1
        sizes[inode] = (found.st_size, found.st_nlink)
    return sum(size for inode, (size, count) in sizes.items() if links[inode] >= count)


def _remove(output: Path) -> None:
    """Moves a folder aside first: half a policy would look like an edited one, and its round would run again."""
    if output.is_file():
        output.unlink()
        return
    aside = output.with_name(f".{output.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    if output.is_dir():
        os.replace(output, aside)
        shutil.rmtree(aside)
