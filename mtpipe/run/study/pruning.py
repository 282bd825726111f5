"""`python -m mtpipe prune`: the same as `storage.keep` does while a study runs, at once and for all runs."""

from dataclasses import dataclass, field
from pathlib import Path

from mtpipe import paths
from mtpipe.alone import alone
from mtpipe.run.study.lock import DvcLock
from mtpipe.run.study.project import Project
from mtpipe.run.study.storage import free, is_needed, old_outputs


@dataclass
class Pruned:
    """What was freed, or would be.

    `outputs` went, from the workspace or the cache; `needed` names for each old one that stayed the stage that it
    stayed for; `freed` is in bytes; `shared_cache` is a cache outside the project, which is left alone because other
    projects may read it.
    """

    outputs: list[Path] = field(default_factory=list)
    needed: dict[Path, str] = field(default_factory=dict)
    freed: int = 0
    shared_cache: Path | None = None

    def describe(self, dry_run: bool) -> str:
        """What went, what stayed and why, the bytes, and how to go on."""
        lines = [f"{'would prune' if dry_run else 'pruned'}  {output}" for output in self.outputs]
        lines += [f"kept    {output}: {stage} has yet to run" for output, stage in self.needed.items()]
        if self.shared_cache:
            lines.append(f"kept    the cache {self.shared_cache}: it lies outside the project, others may read it")
        lines.append(f"{'would free' if dry_run else 'freed'} {self.freed} bytes ({self.freed / 1e9:.3f} GB)")
        if self.outputs:
            lines += ["", "Go on with", "    python -m mtpipe run", "or  dvc repro --allow-missing", ""]
            lines.append("A plain `dvc repro` ends at the first missing policy, rather than train it again.")
        return "\n".join(lines)


def prune(keep: int, dry_run: bool = False) -> Pruned:
    """Removes each run's policies and optimizer states but the last `keep`, from the workspace and from DVC's cache.

    With 0 the last policy's weights stay, without its optimizer state. An output stays where a stage of the present
    dvc.yaml and params.yaml has yet to read or write it, or where it was edited by hand.

    Raises MtpipeError outside a DVC project, and while another command is at work on it.
    """
    project = Project()
    at_work = "`python -m mtpipe run` is at work on this study; prune when it has ended"
    with alone(paths.LOCKS / "study", at_work), project.locked(patient=False):
        lock, makers, needed = DvcLock(), {}, {}
        stages = [project.stage(name) for name in project.parts.order]
        for stage in stages:
            entry = lock.get(stage.name)
            stage.fill(entry)
            if entry is not None:
                makers.update(dict.fromkeys(stage.writes, entry))
            if not stage.is_up_to_date():
                needed.update(dict.fromkeys([*stage.reads, *stage.writes], stage.name))
        old = old_outputs([path for stage in stages for path in stage.writes], keep)
        stays = {path: next((who for each, who in needed.items() if is_needed(path, [each])), None) for path in old}
        freed = free(project, [path for path in old if not stays[path] and path in makers], makers, dry_run)
        cache = project.cache if project.cache_is_shared else None
        return Pruned(freed.outputs, {path: who for path, who in stays.items() if who}, freed.bytes, cache)
