"""One part of a study: the stages of its plan, one after the other, in the process that calls `run_part`.

A part's folder, data/chains/PART, has four files: `plan.json` (its stages, and what dvc.lock says of them),
`lock.jsonl` (the lock entries that are not in dvc.lock yet), `progress.json` and `log`.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from mtpipe import paths
from mtpipe.alone import alone
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json, write_text
from mtpipe.pruned import forget_pruned, is_pruned
from mtpipe.run.study.lock import DvcLock, PartLock
from mtpipe.run.study.project import Definition, Entry, Project, ProjectStage
from mtpipe.run.study.storage import free_old, is_copy, storage_lock

PARENT = "MTPIPE_PARENT"
"""Names the descriptor of a pipe that ends with the process that started this part."""


@dataclass(frozen=True)
class How:
    """How the stages of a part run.

    Attributes:
        pulls: whether what DVC's remote has of them may be restored from there.
        keep: `storage.keep`; None removes no policy.
        elsewhere: policies and optimizer states that stages outside the chains read, and that stay for them.
        retrain: whether removed policies are made again if a stage needs them.
    """

    pulls: bool = False
    keep: int | None = None
    elsewhere: list[str] = field(default_factory=list)
    retrain: bool = False


@dataclass(frozen=True)
class PartPlan:
    """The stages of a part in their order.

    Attributes:
        entries: those of their lock entries that dvc.lock has.
        how: what the command of the run says.
        definitions: the stages of dvc.yaml as they were when the run began.
    """

    stages: list[str]
    entries: Mapping[str, Entry]
    how: How = field(default_factory=How)
    definitions: Mapping[str, Definition] = field(default_factory=dict)

    @classmethod
    def of(cls, stages: list[str], lock: DvcLock, how: How | None = None) -> "PartPlan":
        found = {stage: lock.get(stage) for stage in stages}
        return cls(stages, {stage: entry for stage, entry in found.items() if entry is not None}, how or How())

    @classmethod
    def read(cls, part: str) -> "PartPlan":
        found = read_json(plan_file(part))
        return cls(**found | {"how": How(**found["how"])})

    def write(self, part: str) -> None:
        """Puts the plan in place, and takes away what tells of a former run."""
        progress_file(part).unlink(missing_ok=True)
        write_text(plan_file(part), json.dumps(asdict(self)) + "\n")


@dataclass
class Progress:
    """How far a part is.

    Attributes:
        state: what became of it; `failed` has a message.
        stage: the one that runs, or ran last.
        done: how many of `stages` are up to date, whether they had to run or not.
        ran: those that ran or were restored from the cache, with their seconds.
        since: when `stage` began, in seconds since the epoch.
    """

    part: str
    stages: list[str]
    state: Literal["running", "done", "failed", "stopped"] = "running"
    stage: str = ""
    done: int = 0
    ran: dict[str, float] = field(default_factory=dict)
    since: float = 0.0
    message: str = ""

    def begin(self, stage: str) -> None:
        """Notes that a stage has to run."""
        self.stage, self.since = stage, time.time()
        self.write()

    @property
    def why(self) -> str:
        """Its message, and the stage that it is about, if it came to one."""
        return f"in {self.stage}: {self.message}" if self.stage else self.message

    def end(self) -> None:
        self.ran[self.stage] = time.time() - self.since

    @classmethod
    def read(cls, part: str) -> "Progress | None":
        """None before the part has begun."""
        path = progress_file(part)
        return cls(**read_json(path)) if path.is_file() else None

    def write(self) -> None:
        write_text(progress_file(self.part), json.dumps(asdict(self)) + "\n")


def plan_file(part: str) -> Path:
    return paths.chain(part) / "plan.json"


def lock_file(part: str) -> Path:
    return paths.chain(part) / "lock.jsonl"


def progress_file(part: str) -> Path:
    return paths.chain(part) / "progress.json"


def part_lock(part: str) -> Path:
    """Held while the part is at work."""
    return paths.LOCKS / f"chain-{part}"


def log_file(part: str) -> Path:
    return paths.chain(part) / "log"


def done_so_far(project: Project, plan: PartPlan, own: Mapping[str, Entry]) -> dict[str, Entry]:
    """The first stages of a part that are up to date, up to the first that is not, with the entries that say so."""
    done: dict[str, Entry] = {}
    for name in plan.stages:
        entry = _standing(project.stage(name), plan, own)
        if entry is None:
            break
        done[name] = entry
    return done


def _standing(stage: ProjectStage, plan: PartPlan, own: Mapping[str, Entry]) -> Entry | None:
    """The entry by which a stage is up to date: dvc.lock's, or one that the part has kept; None if it has to run.

    Which of the two is newer does not matter, since an entry holds for exactly the files that it names.
    """
    for entry in (plan.entries.get(stage.name), own.get(stage.name)):
        stage.fill(entry)
        if (entry is not None or not stage.is_own) and stage.is_up_to_date():
            return entry or {}
    stage.fill(plan.entries.get(stage.name))
    return None


def run_part(part: str) -> Progress:
    """Runs the stages of a part that are not up to date; the first that fails ends it.

    Raises MtpipeError if the part is at work already, or another DVC command uses its files.
    """
    plan = PartPlan.read(part)
    progress = Progress(part, plan.stages)
    with alone(part_lock(part), f"{part} is at work already"):
        _begin_log(part)
        project, own = Project(tells=True, definitions=plan.definitions), PartLock(lock_file(part))
        with storage_lock():
            former = own.start_over()
        stages = [project.stage(name) for name in plan.stages]
        with project.claimed(stages):
            try:
                _find_removed(stages, plan, former)
                for number, stage in enumerate(stages, 1):
                    _run_stage(stage, plan, former, own, progress)
                    if plan.how.keep is not None:
                        entries = {**plan.entries, **own.entries}
                        free_old(project, stages[:number], stages[number:], entries, plan.how.keep, plan.how.elsewhere)
                progress.state = "done"
                own.settle()
            except MtpipeError as error:
                progress.state, progress.message = "failed", str(error)
            except KeyboardInterrupt:
                progress.state, progress.message = "stopped", "stopped by Ctrl-C"
    progress.write()
    return progress


def _begin_log(part: str) -> None:
    """Takes away what a former run has written: only here is it sure that no other process is at work on the part."""
    if log_file(part).is_file():
        os.truncate(log_file(part), 0)


def _run_stage(
    stage: ProjectStage, plan: PartPlan, former: Mapping[str, Entry], own: PartLock, progress: Progress
) -> None:
    entry = _standing(stage, plan, former)
    runs = entry is None
    if runs:
        _refuse_removed(stage, stage.reads)
        progress.begin(stage.name)
        entry = stage.run(plan.how.pulls)
        progress.end()
    if entry is not None and entry != plan.entries.get(stage.name):
        with storage_lock():
            own.add(stage.name, entry)
            if runs and plan.how.keep is not None:
                stage.cache_again()
    progress.done += 1


def _find_removed(stages: Iterable[ProjectStage], plan: PartPlan, former: Mapping[str, Entry]) -> None:
    """Looks ahead for stages that have to run and need a policy that was removed, before any of them runs.

    With `retrain` the marks of those policies go, and of all that they are made from, so that their stages run again;
    the policy of round 0 is no more than a copy and always comes back. Otherwise it raises MtpipeError.
    """
    if not paths.PRUNED.is_dir():
        return  # nothing was ever removed
    makers = {path: stage for stage in stages for path in stage.writes}
    made: set[Path] = set()

    def make(stage: ProjectStage) -> None:
        made.update(stage.writes)
        for path in stage.writes:
            forget_pruned(path)
        for path in stage.reads:
            if path not in made and is_pruned(path) and path in makers:
                make(makers[path])

    for stage in [stage for stage in stages if _standing(stage, plan, former) is None]:
        for path in stage.reads:
            if path not in made and is_pruned(path) and path in makers and (plan.how.retrain or is_copy(path)):
                make(makers[path])
        _refuse_removed(stage, [path for path in stage.reads if path not in made])
        made.update(stage.writes)
        if plan.how.retrain:
            make(stage)


def _refuse_removed(stage: ProjectStage, needed: Iterable[Path]) -> None:
    if removed := [str(path) for path in needed if is_pruned(path)]:
        raise MtpipeError(
            f"{stage.name} has to run and needs {' and '.join(removed)}: removed to free disk (storage.keep, or "
            f"`mtpipe prune`). `python -m mtpipe run --retrain` trains again from the last policy that is there; to go "
            f"without, undo the edit that {stage.name} has to run for"
        )


def main() -> None:
    """Runs the part that the first argument names, no longer than the process that started it."""
    if PARENT in os.environ:
        threading.Thread(target=_end_with_parent, args=(int(os.environ.pop(PARENT)),), daemon=True).start()
    try:
        progress = run_part(sys.argv[1])
    except MtpipeError as error:
        progress = Progress(sys.argv[1], [], state="failed", message=str(error))
        progress.write()
    if progress.state != "done":
        sys.exit(f"error in {sys.argv[1]}: {progress.message}")


def _end_with_parent(alive: int) -> None:
    os.read(alive, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
