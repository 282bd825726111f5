"""Studies whose stages do next to nothing: seconds and memory by the number of stages, and two chains side by side.

The first table is what `dvc repro` and `python -m mtpipe run` take to run stages, the same study with nothing to do
behind it. CPU seconds depend less than seconds on what else the machine does. The last line has two chains of stages
that compute, `--jobs 1` against `--jobs 2` by turns. MTPIPE_STUDY_STAGES="100 400" chooses other sizes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.trivial_study import ROOT, make_study

STAGES = os.environ.get("MTPIPE_STUDY_STAGES", "100 400 1600 3000")
_LARGEST_REPRO = 1600
"""Stages of the largest study by `dvc repro`, whose time grows with their square."""
_ROUNDS = 15
"""A chain then has 48 stages."""

_WORK = "2000000"
"""Of a stage that computes: about half a second of one core."""

_RUN = [sys.executable, "-m", "mtpipe", "run", "--jobs"]
_REPRO = [str(Path(sys.executable).with_name("dvc")), "repro", "-q"]


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds, CPU seconds of all its processes, and MiB of the largest of them."""

    seconds: float
    cpu: float
    memory: float


def main() -> None:
    print("stages  command     seconds  CPU seconds  CPU s a stage  MiB  nothing to do: seconds  CPU seconds")
    with tempfile.TemporaryDirectory() as parent:
        for size in map(int, STAGES.split()):
            for name, command in (("dvc repro", _REPRO), ("mtpipe run", [*_RUN, "2"])):
                if command is _REPRO and size > _LARGEST_REPRO:
                    continue
                folder = Path(parent) / f"{size}-{name.replace(' ', '-')}"
                stages = make_study(folder, arms=max(1, round((size - 7) / 48)), seeds=1, rounds=_ROUNDS)
                first, again = _cost(command, folder), _cost(command, folder)
                print(
                    f"{stages:6}  {name:10}  {first.seconds:7.0f}  {first.cpu:11.0f}  {first.cpu / stages:13.3f}  "
                    f"{first.memory:3.0f}  {again.seconds:22.1f}  {again.cpu:11.1f}",
                    flush=True,
                )
                shutil.rmtree(folder)
        alone, beside = _two_chains(Path(parent))
        print(f"two chains: one after the other {alone:.1f} s, side by side {beside:.1f} s, ratio {alone / beside:.2f}")


def _two_chains(parent: Path) -> tuple[float, float]:
    """Seconds of two chains with one job and with two, the best of three each; the shared stages ran before."""
    seconds: dict[str, list[float]] = {"1": [], "2": []}
    for turn in range(3):
        for jobs, found in seconds.items():
            folder = parent / f"chains-{jobs}-{turn}"
            make_study(folder, arms=3, seeds=1, rounds=5)
            _cost([*_RUN[:-1], "--chain", "shared"], folder)
            found.append(_cost([*_RUN, jobs, "--arms", "arm0", "arm1"], folder, WORK=_WORK).seconds)
    return min(seconds["1"]), min(seconds["2"])


def _cost(command: list[str], folder: Path, **environment: str) -> Cost:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    begun = time.perf_counter()
    started = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(started.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed in {folder}")
    return Cost(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
