"""DVC as a study uses it: the stages of dvc.yaml one by one, with lock entries that are handed in and out.

`dvc repro` holds the lock of the project, and reads and writes the lock entries of all stages after each. Here whoever
runs some stages claims their paths and keeps their entries. The stages are DVC's own objects: DVC says what has
changed, runs the command, and hashes and caches what it leaves.
"""

import contextlib
import gc
import logging
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from dvc import rwlock
from dvc.dvcfile import ProjectFile, is_valid_filename, load_file
from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.lock import LockNoop, make_lock
from dvc.logger import ColorFormatter
from dvc.repo import Repo
from dvc.repo.index import Index
from dvc.repo.reproduce import get_active_graph, plan_repro
from dvc.scm import SCMError
from dvc.stage import Stage
from dvc.stage.cache import StageCache
from dvc.stage.loader import StageLoader
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import dumps_yaml

from mtpipe.errors import MtpipeError
from mtpipe.pruned import is_pruned
from mtpipe.run.study.claims import (
    ATTEMPTS,
    claimed_with_its_part,
    dead_processes_claim_nothing,
    drop_dead_claims,
    patiently,
)
from mtpipe.run.study.launched import without_launchers
from mtpipe.run.study.parts import Parts, split

Entry = dict[str, Any]
"""What dvc.lock says of one stage: its command, and the hashes of its dependencies and outputs."""
Definition = dict[str, Any]
"""What dvc.yaml says of one stage, with the values of params.yaml in it."""

DVC_YAML = Path("dvc.yaml")


class _RunCache(StageCache):  # type: ignore[misc]  # DVC has no types
    """DVC's memory of which outputs a command made from which inputs, also where DVC was killed while it wrote there.

    DVC makes the folder of an entry before the entry. In a folder without one it then looks for the entry None, in
    vain and with a TypeError.
    """

    def _load_cache(self, key: str, value: str | None) -> Any:
        return None if value is None else super()._load_cache(key, value)


class _Repo(Repo):  # type: ignore[misc]
    """DVC's project without its lock, and with a memory that outlasts the command of a stage."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = LockNoop()
        self.stage_cache = _RunCache(self)

    def _reset(self) -> None:
        """DVC forgets .dvcignore and its configuration after each command, which takes longer than a small command."""


class ProjectStage:
    """A stage of the project, and what its lock entry says of it."""

    def __init__(self, stage: Stage, is_own: bool) -> None:
        self._stage = stage
        self.is_own = is_own
        self.name: str = stage.addressing
        """As DVC prints it: `rollout@token-1-round0`."""

    @property
    def reads(self) -> list[Path]:
        """Relative to the project's root, as are `writes`."""
        return [Path(os.path.relpath(dep.fs_path)) for dep in self._stage.deps]

    @property
    def writes(self) -> list[Path]:
        return [Path(os.path.relpath(out.fs_path)) for out in self._stage.outs]

    def fill(self, entry: Entry | None) -> None:
        """Has the stage compared with this lock entry from now on. Stages of other files have their own."""
        if self.is_own:
            StageLoader.fill_from_lock(self._stage, entry or {"cmd": self._stage.cmd})
            self._stage.cmd_changed = entry is not None and entry.get("cmd") != self._stage.cmd

    def is_up_to_date(self) -> bool:
        """Whether its command, dependencies and outputs are those of its lock entry; pruned policies are."""
        missing = [path for path in (*self.reads, *self.writes) if not path.exists()]
        pruned = bool(missing) and all(is_pruned(path) for path in missing)
        with self._stage.repo.lock, claimed_with_its_part(), _readable():
            return not self._stage.changed(allow_missing=pruned)

    def cache_again(self) -> None:
        """Puts back into the cache what another process has freed there since this stage left it."""
        with self._stage.repo.lock, claimed_with_its_part():
            if any(out.use_cache and out.changed_cache() for out in self._stage.outs):
                self._stage.commit()

    def run(self, pulls: bool = False) -> Entry | None:
        """Restores its outputs from the cache or runs its command, and returns the new lock entry.

        With `pulls` outputs may come from the remote. None for a stage of another file, which DVC writes there.

        Raises MtpipeError if the command fails, or if a dependency or an output is missing.
        """
        try:
            with self._stage.repo.lock, claimed_with_its_part(), self._stage.repo.scm_context(quiet=True):
                with without_launchers():
                    self._stage.run(pull=pulls)
                if not self.is_own:
                    self._stage.dump(update_pipeline=False)
        except (DvcException, sqlite3.Error) as error:
            raise MtpipeError(str(error)) from error
        return to_lockfile(self._stage)[self._stage.name] if self.is_own else None


class Project:
    """The DVC project of the working directory.

    Args:
        tells: whether DVC prints which stage it runs or restores.
        definitions: stages as the run found them when it began; dvc.yaml and params.yaml may have been edited since.

    Raises MtpipeError outside a DVC project, and where dvc.yaml cannot be resolved with params.yaml.
    """

    def __init__(self, tells: bool = False, definitions: Mapping[str, Definition] | None = None) -> None:
        gc.set_threshold(100_000)  # DVC makes many objects that stay: looking for others took a tenth of a run's time
        with _readable():
            self._repo = _Repo()
            self._file = ProjectFile(self._repo, str(DVC_YAML.resolve()))
            self._file.lockfile_contents = {}
            if not definitions:
                self._file.resolver.definitions  # noqa: B018  # reads both files
            load = partial(StageLoader.load_stage, self._file, lock_data={})
            self._stages = {name: ProjectStage(load(name, each), True) for name, each in (definitions or {}).items()}
        self._folders: list[str] = []  # those that are not ignored, once they were looked through for other stages
        if tells:
            logger = logging.getLogger("dvc")
            logger.setLevel(logging.INFO)
            # They were made while DVC was imported, when standard output may have been a terminal.
            for handler in logger.handlers:
                handler.setFormatter(ColorFormatter(log_colors=False))

    @cached_property
    def parts(self) -> Parts:
        """The stages that `dvc repro` looks at, part by part, in the order in which it looks at them."""
        with _readable():
            own = [self._file.stages[name] for name in self._file.resolver.get_keys()]
            graph = get_active_graph(Index(self._repo, stages=[*own, *self._others]).graph)
            order = plan_repro(graph, own)
        needs = {stage.addressing: [each.addressing for each in graph.successors(stage)] for stage in order}
        of_dvc_yaml = set(own)
        self._stages = {stage.addressing: ProjectStage(stage, stage in of_dvc_yaml) for stage in order}
        return split(needs, self._chains())

    def definitions(self, names: Iterable[str]) -> dict[str, Definition]:
        """The stages of dvc.yaml among these, for a `Project` that has to find them as they are now."""
        resolver = self._file.resolver
        return {name: resolver.resolve_one(name)[name] for name in names if resolver.has_key(name)}

    def stage(self, name: str) -> ProjectStage:
        """A stage by its name, without the others."""
        if name not in self._stages:
            with _readable():
                if self._file.resolver.has_key(name):
                    self._stages[name] = ProjectStage(self._file.stages[name], True)
                else:
                    self._stages |= {stage.addressing: ProjectStage(stage, False) for stage in self._others}
        return self._stages[name]

    @property
    def cache(self) -> Path:
        """Where the content of outputs is kept, by its md5."""
        return Path(self._repo.cache.local.path)

    @property
    def cache_is_shared(self) -> bool:
        """Whether the cache lies outside the project, so that other projects may read it."""
        return not self.cache.is_relative_to(self._repo.dvc_dir)

    def tracked_files(self) -> list[tuple[str, str]]:
        """Path and md5 of the outputs of .dvc files and of further dvc.yaml files."""
        outs = [out for stage in self._others for out in stage.outs if out.hash_info]
        return [(os.path.relpath(out.fs_path), out.hash_info.value) for out in outs]

    def files(self) -> Iterator[str]:
        """All that decides what is up to date, relative to the root: DVC's own files, and what stages read and write.

        Folders come with all that is in them, and with those in which further dvc.yaml or .dvc files may appear.
        """
        yield from (str(DVC_YAML), "dvc.lock", ".dvcignore", ".gitignore", ".dvc/config", ".dvc/config.local")
        stages = [self.stage(name) for name in self.parts.order]
        found = {str(path) for stage in stages for path in (*stage.reads, *stage.writes)}
        found |= {os.path.relpath(stage.path) for stage in self._others}
        for path in sorted(found):
            yield path
            for folder, folders, files in self._repo.dvcignore.walk(self._repo.fs, os.path.abspath(path)):
                within = os.path.relpath(folder)
                yield from (f"{within}/{name}" for name in (*folders, *files))
        yield from self._folders

    def pull_run_cache(self) -> None:
        """Brings what other machines have pushed with `dvc push --run-cache`. Raises MtpipeError without a remote."""
        try:
            self._repo.stage_cache.pull(None)
        except DvcException as error:
            raise MtpipeError(f"--pull needs a DVC remote that this project knows: {error}") from error

    def _chains(self) -> dict[str, str]:
        """For each stage of dvc.yaml that is unrolled over arms and seeds, its chain's name."""
        chains = {}
        for name, definition in self._file.resolver.definitions.items():
            for key, item in getattr(definition, "normalized_iterable", {}).items():
                if isinstance(item, dict) and {"arm", "seed"} <= item.keys():
                    chains[f"{name}@{key}"] = f"{item['arm']}-{item['seed']}"
        return chains

    @cached_property
    def _others(self) -> list[Stage]:
        """The stages of .dvc files and of further dvc.yaml files, outside ignored folders."""
        ignored = self._repo.scm.is_ignored
        found: list[Stage] = []
        self._folders = []
        for folder, folders, files in self._repo.dvcignore.walk(self._repo.fs, self._repo.root_dir, followlinks=False):
            for path in (os.path.join(folder, file) for file in files if is_valid_filename(file)):
                if path != self._file.path and not ignored(path):
                    found += load_file(self._repo, path).stages.values()
            folders[:] = [each for each in folders if not ignored(f"{folder}/{each}/")]
            self._folders.append(os.path.relpath(folder))
        return found

    @contextlib.contextmanager
    def claimed(self, stages: Iterable[ProjectStage]) -> Iterator[None]:
        """Claims the paths of stages, so that another DVC command that needs them says who is at work.

        Raises MtpipeError if another command has claimed them.
        """
        reads = sorted({os.path.abspath(path) for stage in stages for path in stage.reads})
        writes = sorted({os.path.abspath(path) for stage in stages for path in stage.writes})
        hardlink = self._repo.config["core"].get("hardlink_lock", False)
        command = " ".join(sys.argv)
        claims = (self._repo.tmp_dir, self._repo.fs, command, reads, writes, hardlink)
        drop_dead_claims(self._repo.tmp_dir, command, hardlink)
        with dead_processes_claim_nothing():
            claim = patiently(lambda: rwlock.rwlock(*claims))
        try:
            yield
        finally:
            # A claim that is left behind ends with this process. DVC asserts that it is there, but another process may
            # have dropped it: to another machine this one seems dead, and the kill of another part can empty the file.
            with contextlib.suppress(DvcException, AssertionError):
                claim.__exit__(None, None, None)

    @contextlib.contextmanager
    def locked(self, patient: bool = True) -> Iterator[None]:
        """Holds the lock under which DVC writes dvc.lock. Raises MtpipeError if another process holds it for good."""
        hardlink = self._repo.config["core"].get("hardlink_lock", False)
        path = os.path.join(self._repo.tmp_dir, "lock")
        make = partial(make_lock, path, tmp_dir=self._repo.tmp_dir, hardlink_lock=hardlink)
        lock = patiently(make, ATTEMPTS if patient else 1)
        try:
            yield
        finally:
            lock.__exit__(None, None, None)


def lock_text(name: str, entry: Entry) -> str:
    """An entry of dvc.lock as DVC writes it."""
    return dumps_yaml({"stages": {name: entry}}).removeprefix("stages:\n")


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """DVC's complaints about the project as MtpipeErrors."""
    try:
        yield
    except NotDvcRepoError:
        raise MtpipeError("this folder is not a DVC project; run from the project's root") from None
    except SCMError:
        raise MtpipeError(
            "this folder is not a git repository, which DVC needs; run `git init`, if it was downloaded without one"
        ) from None
    except (DvcException, sqlite3.Error) as error:
        raise MtpipeError(f"DVC cannot read the project: {error}") from error
