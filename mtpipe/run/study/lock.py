"""dvc.lock, read and written stage by stage, and the lock entries that a part keeps until they are merged into it.

DVC parses all of dvc.lock and writes all of it after each stage. Here it stays text, cut at the stages' names: an entry
is parsed if it is asked for, and written if it is new, in DVC's own words.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import write_text
from mtpipe.run.study.project import Entry, lock_text

DVC_LOCK = Path("dvc.lock")
WHOLE = Path("dvc.lock.whole")
"""The last dvc.lock that was whole when `python -m mtpipe run` began or ended."""
_HEAD = ["schema: '2.0'\n", "stages:\n"]
_REMEDY = (
    "bring it back with `git restore dvc.lock`, or delete it: what was made before is then restored from DVC's cache, "
    "not made again, and where policies were removed to free disk, `run` takes the last whole one"
)


class DvcLock:
    """The entries of dvc.lock by stage, in the file's order.

    Raises MtpipeError if the file is not as DVC writes it: empty, cut off, or with the marks of a git conflict.
    """

    def __init__(self, path: Path = DVC_LOCK) -> None:
        self._path = path
        self._texts: dict[str, str] = {}
        self._head, self._tail = "".join(_HEAD), ""
        if path.exists():
            self._cut(path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True))

    def _cut(self, lines: list[str]) -> None:
        """Takes the file apart: what stands above the stages, each stage's lines, and what stands below."""
        starts = [index for index, line in enumerate(lines) if line in ("stages:\n", "stages: {}\n")]
        if not lines or lines[0] != _HEAD[0] or len(starts) != 1 or not lines[-1].endswith("\n"):
            raise MtpipeError(f"{self._path} is empty or cut off, or has the marks of a git conflict; {_REMEDY}")
        self._head = "".join([*lines[: starts[0]], _HEAD[1]])
        name = ""
        for index, line in enumerate(lines[starts[0] + 1 :], starts[0] + 1):
            if not line.startswith("  "):
                self._tail = "".join(lines[index:])
                if not line.partition(":")[0].isidentifier():
                    raise MtpipeError(f"{self._path}:{index + 1} is {line.strip()!r}; expected a stage; {_REMEDY}")
                break
            if line[2] != " ":
                name = line.strip().removesuffix(":").strip("'\"")
                self._texts[name] = ""
            self._texts[name] += line

    def check_end(self) -> None:
        """Raises MtpipeError if the entry of the last stage is cut off."""
        if self._texts and not (self.get(list(self._texts)[-1]) or {}).get("cmd"):
            raise MtpipeError(f"{self._path} is cut off in the entry of its last stage; {_REMEDY}")

    def get(self, stage: str) -> Entry | None:
        """A stage's entry. Raises MtpipeError if it is unreadable."""
        if stage not in self._texts:
            return None
        try:
            (entry,) = YAML(typ="safe").load(self._texts[stage]).values()
            return dict(entry)
        except (YAMLError, TypeError, ValueError):
            raise MtpipeError(f"{self._path}: the entry of stage {stage} is not readable; {_REMEDY}") from None

    def merge(self, entries: Mapping[str, Entry], order: Sequence[str]) -> bool:
        """Puts entries in the place of former ones, and new ones where `dvc repro` would have put them.

        Args:
            entries: by stage.
            order: all stages, as `dvc repro` takes them up.

        Returns whether that changes the file; `write` writes it.
        """
        texts = {name: lock_text(name, entry) for name, entry in entries.items()}
        changed = {name: text for name, text in texts.items() if self._texts.get(name) != text}
        names = list(self._texts)
        places = {name: place for place, name in enumerate(order)}
        for name in sorted(changed.keys() - self._texts.keys(), key=lambda name: places[name]):
            before = next((each for each in reversed(order[: places[name]]) if each in self._texts), None)
            names.insert(names.index(before) + 1 if before is not None else 0, name)
            self._texts[name] = ""
        self._texts = {name: changed.get(name, self._texts[name]) for name in names}
        return bool(changed)

    def add_missing(self, other: "DvcLock") -> None:
        """Takes the entries of stages that only the other has, as they stand there."""
        self._texts = {**self._texts, **{name: text for name, text in other._texts.items() if name not in self._texts}}

    def write(self, path: Path | None = None) -> None:
        """Writes the file, or another one, so that a kill leaves the former one."""
        write_text(path or self._path, self._head + "".join(self._texts.values()) + self._tail)


def keep_whole(path: Path = DVC_LOCK, kept: Path = WHOLE) -> str:
    """Keeps a copy of dvc.lock, or brings the copy back if dvc.lock is not whole, and returns what it did about that.

    DVC writes dvc.lock in place, so that a kill in that moment leaves it empty or cut off, and DVC then refuses it.
    What ran after the copy was made is not run again: DVC restores it from its run cache. That has no policies that
    were removed to free disk, so that there the copy comes back in the place of a missing dvc.lock too.

    Raises MtpipeError if it has the marks of a git conflict, which is for its user to solve.
    """
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
    former, reason = _whole(kept), ""
    try:
        DvcLock(path).check_end()
        if former and text is None and paths.PRUNED.is_dir():
            reason = f"{path} is missing"
        elif former and text is not None and former != text and former.startswith(text):
            reason = f"{path} is cut off"
    except MtpipeError as error:
        if text is not None and "\n>>>>>>> " in text:
            raise
        reason = str(error).partition(";")[0]
    if not reason:
        keep_copy(path, kept)
        return ""
    where = ""
    if text is not None:
        cut = path.with_name(f"{path.name}.cut")
        path.rename(cut)
        where = f" The faulty one is {cut}"
    what = "started without one"
    if former:
        write_text(path, former)
        what = f"took the last whole one, {kept}"
    else:
        kept.unlink(missing_ok=True)
    return f"{reason}: {what}. What has run since comes from DVC's cache.{where}"


def keep_copy(path: Path = DVC_LOCK, kept: Path = WHOLE) -> None:
    """Keeps a copy of a whole dvc.lock; where policies were removed, with entries that only the former copy has.

    An entry holds for exactly the files that it names, so one too many does no harm.
    """
    if not path.exists():
        return
    lock = DvcLock(path)
    if paths.PRUNED.is_dir() and _whole(kept) is not None:
        lock.add_missing(DvcLock(kept))
    lock.write(kept)


def _whole(path: Path) -> str | None:
    """The text of a lock file; None if there is none, or if it is not whole."""
    try:
        DvcLock(path).check_end()
        return path.read_text(encoding="utf-8")
    except (MtpipeError, OSError):
        return None


def outputs_of_lock(path: Path = DVC_LOCK) -> list[tuple[str, str]]:
    """Path and md5 of all that dvc.lock names, outputs and dependencies alike."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return re.findall(r"path: ['\"]?([^\n]+?)['\"]?\n +hash: md5\n +md5: (\w+(?:\.dir)?)", text)


def outputs_of_parts() -> Iterator[tuple[str, str]]:
    """The same of all parts' own locks, outputs alone."""
    for path in sorted(paths.CHAINS.glob("*/lock.jsonl")):
        for entry in PartLock(path).entries.values():
            yield from ((out["path"], out["md5"]) for out in entry.get("outs", []) if "md5" in out)


class PartLock:
    """A part's lock entries, a line each, appended as its stages end; a line that is cut off or damaged does not count.

    Beside the file lies the one of the run before until this run has ended, so that no entry is lost with a kill.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._former = path, path.with_name("former.jsonl")
        self.entries: dict[str, Entry] = {}
        for file in (self._former, path):
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True) if file.is_file() else []
            for line in lines:
                if line.endswith("\n"):
                    with suppress(ValueError, TypeError):  # what it said comes from DVC's cache
                        self.entries |= json.loads(line)

    def start_over(self) -> Mapping[str, Entry]:
        """Returns the entries so far, and keeps them until `settle`; from now on `entries` has those of this run."""
        former = self.entries
        if former:
            write_text(self._former, "".join(json.dumps({stage: entry}) + "\n" for stage, entry in former.items()))
        self._path.unlink(missing_ok=True)
        self.entries = {}
        return former

    def add(self, stage: str, entry: Entry) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps({stage: entry}) + "\n")
        self.entries[stage] = entry

    def settle(self) -> None:
        """Lets the entries of before go that this run has not confirmed."""
        self._former.unlink(missing_ok=True)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
        self._former.unlink(missing_ok=True)
        self.entries = {}
