"""Plants the defects of tests/defects one at a time, and says which the tests notice.

    python tests/plant_defects.py                        all of them; about half an hour, on one core
    python tests/plant_defects.py sampling report        those of two lists
    python tests/plant_defects.py learn --only optimizer --part 1/2

Each is planted alone in a copy of the tree, in which the test files named beside it run up to the first failure,
without what is marked pipeline or exhaustive, or slow where the list does not say `slow = true`. They run once without
a defect before. A defect with which they run on for more than five minutes counts as noticed. The command fails where a
defect survives and its list gives no reason.
"""

import argparse
import contextlib
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
LISTS = ROOT / "tests" / "defects"
SECONDS = 300
PASSED, INTERRUPTED = 0, -1
_LOADED_BEFORE = (
    *("pytest", "hypothesis", "torch", "scipy.stats", "pyarrow.parquet", "matplotlib.figure", "ruamel.yaml"),
    *("torch.distributed.fsdp", "torch.distributed.launcher.api", "transformers.generation.utils"),
    *("transformers.models.auto.modeling_auto", "transformers.models.qwen2.modeling_qwen2"),
)
"""What every run of tests would import: each run is a fork of this process."""


@dataclass(frozen=True)
class Defect:
    """One edit of one file.

    Attributes:
        area: the list that it stands in.
        old, new: the text that occurs once in the file, and what it becomes.
        breaks: what is wrong then.
        tests: the files whose fast tests should notice.
        survives: why they cannot; empty where they do.
        slow: whether it takes their slow tests too.
    """

    area: str
    file: str
    old: str
    new: str
    breaks: str
    tests: tuple[str, ...]
    survives: str = ""
    slow: bool = False

    def __str__(self) -> str:
        return f"{self.file}: {self.breaks}"


def read_list(path: Path) -> list[Defect]:
    """A list's defects; tests that stand with a file are those of all its defects that name none."""
    return [
        Defect(
            path.stem,
            file["path"],
            found["old"],
            found["new"],
            found["breaks"],
            tuple(found.get("tests", file["tests"])),
            found.get("survives", ""),
            file.get("slow", False),
        )
        for file in tomllib.loads(path.read_text())["file"]
        for found in file["defect"]
    ]


def read_lists() -> list[Defect]:
    return [defect for path in sorted(LISTS.glob("*.toml")) for defect in read_list(path)]


def edited(text: str, defect: Defect) -> str:
    """A file's text with the defect in it; raises ValueError if its old text does not occur exactly once."""
    if (count := text.count(defect.old)) != 1:
        raise ValueError(f"{defect}: {defect.old!r} occurs {count} times; expected once")
    return text.replace(defect.old, defect.new)


@contextlib.contextmanager
def planted(tree: Path, defect: Defect) -> Iterator[None]:
    """The tree with the defect in it, and afterwards without."""
    file = tree / defect.file
    text = file.read_text()
    try:
        _write(file, edited(text, defect))
        yield
    finally:
        _write(file, text)


def _write(file: Path, text: str) -> None:
    file.write_text(text)
    for compiled in (file.parent / "__pycache__").glob(
        f"{file.stem}.*"
    ):  # its clock counts seconds, an edit takes less
        compiled.unlink()


def run_tests(tree: Path, tests: Sequence[str], slow: bool) -> tuple[int, str]:
    """Runs test files of a tree, slow tests too or not, in a fork: pytest's status, and what it wrote."""
    with tempfile.NamedTemporaryFile() as written:
        process = os.fork()
        if not process:
            _run_here(tree, tests, slow, written.fileno())
        status = _wait(process)
        return status, Path(written.name).read_text(errors="replace")


def _run_here(tree: Path, tests: Sequence[str], slow: bool, output: int) -> None:
    os.setpgid(0, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path[:] = [str(tree), *(path for path in sys.path if Path(path or ".").resolve() not in (ROOT, LISTS.parent))]
    import pytest

    options = [
        "-q",
        "-x",
        "-m",
        "not pipeline and not exhaustive" + (" and not slow" if not slow else ""),
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    with contextlib.suppress(BaseException):
        os._exit(int(pytest.main([*options, *tests])))
    os._exit(INTERRUPTED)


def _wait(process: int) -> int:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return INTERRUPTED


def copied(target: Path) -> Path:
    """A copy of the tree with what is not committed yet."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


def plant(defects: Sequence[Defect], tree: Path) -> list[Defect]:
    """Plants each, prints whether it was noticed, and returns the survivors; exits where tests fail without any."""
    for tests, slow in dict.fromkeys((defect.tests, defect.slow) for defect in defects):
        status, written = run_tests(tree, tests, slow)
        if status != PASSED:
            sys.exit(f"{' '.join(tests)} fail without a defect:\n{written[-3000:]}")
    survivors = []
    for defect in defects:
        start = time.monotonic()
        with planted(tree, defect):
            status, _ = run_tests(tree, defect.tests, defect.slow)
        if status == PASSED:
            survivors.append(defect)
        print(
            f"{'SURVIVED' if status == PASSED else 'noticed '} {time.monotonic() - start:5.1f} s  {defect}", flush=True
        )
    return survivors


def main() -> None:
    """Reads the command line, plants, and reports by list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("areas", nargs="*", metavar="LIST", help="a file of tests/defects without its ending")
    parser.add_argument("--only", default="", help="defects whose file or description has this text")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="the K-th of N parts, for N machines")
    asked = parser.parse_args()
    part, parts = map(int, asked.part.split("/"))
    defects = [one for one in read_lists() if (not asked.areas or one.area in asked.areas) and asked.only in str(one)]
    defects = defects[len(defects) * (part - 1) // parts : len(defects) * part // parts]
    for name in _LOADED_BEFORE:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        survivors = plant(defects, copied(Path(folder)))
    planted_in, survived_in = (Counter(one.area for one in found) for found in (defects, survivors))
    for area, count in planted_in.items():
        print(f"{area}: {count - survived_in[area]} of {count} noticed")
    for one in survivors:
        print(f"survived: {one}\n    {one.survives or 'NO REASON GIVEN'}")
    for one in defects:
        if one.survives and one not in survivors:
            print(f"noticed after all, drop its reason: {one}")
    sys.exit(any(not one.survives for one in survivors))


if __name__ == "__main__":
    main()
