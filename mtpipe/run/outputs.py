"""Holds every output against dvc.lock by its content, but for those that were removed to free disk.

DVC believes a hash that it once took while a file's size and time look the same. This reads the files.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mtpipe.digests import FOLDER, file_md5, files_of, folder_md5
from mtpipe.errors import MtpipeError
from mtpipe.pruned import cache_object, is_pruned

LOCK = Path("dvc.lock")
CACHE = Path(".dvc") / "cache" / "files" / "md5"


@dataclass(frozen=True)
class Fault:
    """What is wrong with an output.

    Attributes:
        path: the file, which may lie inside an output that is a folder.
        output: the output.
        stage: the stage that makes it, as `dvc repro` takes it.
        what: `missing`, `cut`, `edited`, or `not in dvc.lock`.
    """

    path: Path
    output: Path
    stage: str
    what: str


def locked_outputs(lock: Path = LOCK) -> list[tuple[str, dict[str, Any]]]:
    """The stage and the entry of each output in dvc.lock.

    Raises MtpipeError if dvc.lock is missing, or cut so that it is no YAML with stages.
    """
    try:
        stages = YAML(typ="safe").load(lock.read_text(encoding="utf-8"))["stages"]
    except FileNotFoundError:
        raise MtpipeError(f"{lock} is missing; run `dvc repro`") from None
    except (YAMLError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise MtpipeError(
            f"{lock} is not whole ({str(error).splitlines()[0]}); bring back one of git (`git checkout {lock}`), or "
            f"remove it: `dvc repro` then finds what is done in its cache"
        ) from None
    return [(stage, out) for stage, found in stages.items() for out in found.get("outs", [])]


def check_outputs(lock: Path = LOCK, cache: Path = CACHE) -> tuple[int, list[Fault]]:
    """The number of outputs in dvc.lock, and what is wrong with them. Raises MtpipeError as `locked_outputs` does."""
    outs = locked_outputs(lock)
    return len(outs), [fault for stage, out in outs for fault in _faults(stage, out, cache)]


def _faults(stage: str, out: dict[str, Any], cache: Path) -> Iterator[Fault]:
    output = Path(out["path"])
    if is_pruned(output):
        return
    if not output.exists():
        yield Fault(output, output, stage, "missing")
    elif not out["md5"].endswith(FOLDER):
        yield from _file(output, output, stage, out["md5"], out.get("size"))
    elif not output.is_dir():
        yield Fault(output, output, stage, "edited")
    else:
        here = files_of(output)
        listing = cache_object(cache, out["md5"])
        if not listing.is_file():  # without DVC's list of its files a folder is right or wrong as a whole
            if folder_md5(here) != out["md5"]:
                yield Fault(output, output, stage, "edited")
            return
        listed = {each["relpath"]: each["md5"] for each in json.loads(listing.read_text())}
        for name in sorted(listed | here):
            if name not in here:
                yield Fault(output / name, output, stage, "missing")
            elif name not in listed:
                yield Fault(output / name, output, stage, "not in dvc.lock")
            else:
                known = cache_object(cache, listed[name])
                yield from _file(
                    here[name], output, stage, listed[name], known.stat().st_size if known.exists() else None
                )


def _file(path: Path, output: Path, stage: str, md5: str, size: int | None) -> Iterator[Fault]:
    if file_md5(path) != md5:
        cut = size is not None and path.stat().st_size < size
        yield Fault(path, output, stage, "cut" if cut else "edited")


def describe(count: int, faults: list[Fault]) -> str:
    """A line for each fault, and the commands that bring the outputs back."""
    if not faults:
        return f"{count} outputs are as dvc.lock has them."
    lines = [f"{fault.path}: {fault.what} (made by {fault.stage})" for fault in faults]
    outputs = " ".join(dict.fromkeys(fault.output.as_posix() for fault in faults))
    stages = " ".join(dict.fromkeys(fault.stage for fault in faults))
    return "\n".join(
        [
            *lines,
            f"{len(lines)} faults in {count} outputs. To bring them back from DVC's cache:",
            f"    rm -r {outputs}",
            f"    dvc checkout {outputs}",
            f"or, if the cache has lost them, `dvc repro -f -s {stages}`.",
        ]
    )
