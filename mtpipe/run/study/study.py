"""`python -m mtpipe run`: the shared stages, the chains in their slots with what runs beside, and what closes it."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from mtpipe import paths
from mtpipe.alone import holder
from mtpipe.errors import MtpipeError
from mtpipe.pruned import cache_object
from mtpipe.run.study.lock import DvcLock, PartLock, keep_copy, keep_whole, outputs_of_lock
from mtpipe.run.study.part import How, PartPlan, Progress, done_so_far, lock_file, log_file, part_lock
from mtpipe.run.study.part_log import last_words, was_interrupted
from mtpipe.run.study.parts import BESIDE, CLOSING, SHARED, after
from mtpipe.run.study.pool import Start, run_parts
from mtpipe.run.study.project import Entry, Project
from mtpipe.run.study.settled import Seen, see, settle, unsettle
from mtpipe.run.study.slots import Slot
from mtpipe.run.study.storage import free_old, is_needed, objects_in_cache
from mtpipe.run.study.watch import Watch


@dataclass
class Outcome:
    """What became of the parts that were asked for, by part; `waiting` are the chains of others that are not done."""

    ended: dict[str, Progress] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[str]:
        return [part for part, progress in self.ended.items() if progress.state != "done"]


class StudyRun:
    """The project's study, and the parts of it that a call of `run` has to do with.

    Args:
        pulls: whether stages may be restored from DVC's default remote, as with `dvc repro --pull`.
        keep: `storage.keep` of params.yaml.
        retrain: whether removed policies are trained again if a stage needs them.
    """

    def __init__(self, pulls: bool = False, keep: int | None = None, retrain: bool = False) -> None:
        self._project = Project()
        unsettle()
        with self._project.locked():
            self.told = keep_whole()
        self._merges = True
        self.parts = self._project.parts
        elsewhere = self._read_elsewhere() if keep is not None else []
        self._how = How(pulls, keep, elsewhere, retrain)
        if keep is not None and self._project.cache_is_shared:
            self.told += (
                f"storage.keep removes policies from the workspace alone: DVC's cache, {self._project.cache}, lies "
                f"outside the project, and others may read it"
            )
        self.outcome = Outcome()

    def run(self, chains: Sequence[str], slots: Sequence[Slot], start: Start, watch: Watch) -> Outcome:
        """Runs what is not up to date: the shared stages, then these chains side by side, then what closes the study.

        What closes the study runs once all its chains are up to date, also those that were not asked for. A chain that
        fails stops none of the others. Raises KeyboardInterrupt when all that ran has ended.
        """
        if self._how.pulls:
            self._project.pull_run_cache()
        if self._how.keep is None:  # else a chain evaluates each policy before it goes
            self.parts = self.parts.side_by_side()
        self._run([SHARED], slots[:1], start, watch)
        if not self.outcome.failed:
            self._run([*chains, BESIDE], slots, start, watch)
            others = [chain for chain in self.parts.chains if chain not in chains]
            lock = DvcLock()
            self.outcome.waiting = [chain for chain in others if self._to_run(chain, lock)]
            if not (self.outcome.failed or self.outcome.waiting):
                self._close(slots, start, watch)
        with self._project.locked():
            keep_copy()
        if not (self.outcome.failed or self.outcome.waiting):
            with suppress(MtpipeError):  # dvc.yaml or params.yaml is half-written: the next run looks, and says so
                self._settle()
        return self.outcome

    def run_part(self, part: str, slot: Slot, start: Start, watch: Watch) -> Outcome:
        """Runs the shared stages, or one chain, whose lock entries it leaves for `merge`: other chains run elsewhere.

        Raises MtpipeError for an unknown part, and for a chain while the shared stages are not up to date.
        """
        if part not in (SHARED, *self.parts.chains):
            raise MtpipeError(f"--chain is {part!r}; this study has {', '.join([SHARED, *self.parts.chains])}")
        if part != SHARED:
            self._require_shared()
        self._merges = part == SHARED
        self._run([part], [slot], start, watch)
        return self.outcome

    def merge(self, slots: Sequence[Slot], start: Start, watch: Watch) -> Outcome:
        """Puts into dvc.lock what chains have left in their folders, and runs what closes the study.

        Raises MtpipeError, after it has merged the others, if a chain is missing or was made from other settings.
        """
        self._require_shared()
        lock = DvcLock()
        lacking = [told for chain in self.parts.chains if (told := self._lacks(chain, lock))]
        if lacking:
            raise MtpipeError("\n".join(["the other chains are merged, but", *lacking]))
        self._run([BESIDE], slots[:1], start, watch)
        if not self.outcome.failed:
            self.parts = self.parts.side_by_side()
            self._close(slots, start, watch)
        with self._project.locked():
            keep_copy()
        return self.outcome

    def _settle(self) -> None:
        """Keeps what all files are, if they are those of dvc.lock: any may have been edited while stages ran."""
        seen, project, lock = _all_seen(self._project), Project(), DvcLock()
        parts = map(project.parts.stages, (SHARED, *project.parts.chains, BESIDE, CLOSING))
        done = all(len(done_so_far(project, PartPlan.of(stages, lock), {})) == len(stages) for stages in parts)
        if done and seen == _all_seen(project):
            settle(seen)

    def _read_elsewhere(self) -> list[str]:
        """Policies and optimizer states that stages outside the chains read."""
        stages = map(self._project.stage, [*self.parts.shared, *self.parts.beside, *self.parts.closing])
        read = {path for stage in stages for path in stage.reads}
        kinds = (paths.POLICIES, paths.OPTIMIZERS)
        return sorted(str(path) for path in read if any(is_needed(kind, [path]) for kind in kinds))

    def _require_shared(self) -> None:
        stages = self.parts.shared
        done = done_so_far(self._project, PartPlan.of(stages, DvcLock()), {})
        if len(done) < len(stages):
            raise MtpipeError(
                f"{stages[len(done)]} is not up to date, and all chains need it: `python -m mtpipe run --chain shared` "
                f"makes it, before the chains start"
            )

    def _lacks(self, chain: str, lock: DvcLock) -> str | None:
        """What is not up to date in a chain, as a sentence; None if nothing, and then the chain is merged."""
        stages = self.parts.chains[chain]
        plan, own = PartPlan.of(stages, lock), PartLock(lock_file(chain)).entries
        done = done_so_far(self._project, plan, own)
        if len(done) == len(stages):
            self._merge(chain, {name: entry for name, entry in done.items() if name in own})
            return None
        stage = stages[len(done)]
        known = stage in own or stage in plan.entries
        why = "was made from other settings or code, or its files have changed" if known else "has not been made"
        return f"  {chain}: {stage} {why}; `python -m mtpipe run --chain {chain}` makes it"

    def _run(self, parts: Sequence[str], slots: Sequence[Slot], start: Start, watch: Watch) -> None:
        busy = {part: process for part in parts if (process := holder(part_lock(part)))}
        for part, process in busy.items():
            message = f"{part} is at work already ({process})"
            self.outcome.ended[part] = Progress(part, self.parts.stages(part), state="failed", message=message)
        lock = DvcLock()
        waiting = [each for part in parts if part not in busy for each in self._to_run(part, lock)]
        of_study = len(self.parts.order) if self._merges else 0
        done = sum(progress.done for progress in self.outcome.ended.values())
        watch.expect({part: self.parts.stages(part) for part in waiting}, of_study, done)
        run_parts(waiting, slots, start, watch.look, lambda part: self._end(part, watch))

    def _close(self, slots: Sequence[Slot], start: Start, watch: Watch) -> None:
        of_chains = set(map(after, self.parts.chains))
        self._run([CLOSING, *(part for part in self.parts.aside if part not in of_chains)], slots, start, watch)

    def _to_run(self, part: str, lock: DvcLock) -> list[str]:
        """A part; if it is up to date what follows it, and nothing if that is so too."""
        if not self._take_up(part, lock):
            return [part]
        return self._to_run(after(part), lock) if after(part) in self.parts.aside else []

    def _take_up(self, part: str, lock: DvcLock) -> bool:
        """Whether a part is up to date; writes its plan if it is not, and merges the entries that it left if it is."""
        stages = self.parts.stages(part)
        plan, own = PartPlan.of(stages, lock, self._how), PartLock(lock_file(part)).entries
        done = done_so_far(self._project, plan, own)
        if len(done) < len(stages):
            replace(plan, definitions=self._project.definitions(stages)).write(part)
            return False
        if self._how.keep is not None:
            ended = [self._project.stage(name) for name in stages]
            free_old(self._project, ended, [], done, self._how.keep, self._how.elsewhere)
        self._merge(part, {name: entry for name, entry in done.items() if name in own})
        self.outcome.ended[part] = Progress(part, stages, state="done", done=len(stages))
        return True

    def _end(self, part: str, watch: Watch) -> list[str]:
        """Merges what a part has made, whether it came to its end or not, and returns what can run now that it has."""
        progress = Progress.read(part) or Progress(part, self.parts.stages(part))
        if progress.state != "done":
            progress.message = last_words(log_file(part)) or progress.message or f"it was killed in {progress.stage}"
        if progress.state == "running":
            progress.state = "failed"
        if was_interrupted(progress.message):
            progress.state, progress.message = "stopped", "stopped by Ctrl-C"
        self._merge(part, PartLock(lock_file(part)).entries)
        self.outcome.ended[part] = progress
        follows = after(part) in self.parts.aside and progress.state == "done"
        then = self._to_run(after(part), DvcLock()) if follows else []
        for each in then:
            watch.expect_too(each, self.parts.stages(each))
        watch.end(progress)
        return then

    def _merge(self, part: str, entries: dict[str, Entry]) -> None:
        if not self._merges:
            return
        if entries:
            with self._project.locked():
                lock = DvcLock()
                if lock.merge(entries, self.parts.order):
                    lock.write()
        PartLock(lock_file(part)).remove()


def _all_seen(project: Project) -> Seen:
    """All that decides what is up to date, also in the cache."""
    recorded = {md5 for _, md5 in (*outputs_of_lock(), *project.tracked_files())}
    objects = {cache_object(project.cache, md5) for root in recorded for md5 in objects_in_cache(project.cache, root)}
    return see([*project.files(), *map(os.path.relpath, objects)])
