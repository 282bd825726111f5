"""A study that grows, with stages that do next to nothing: what a stage takes, by how many there are already.

Each line is what the stages cost that were added since the line before: by `python -m mtpipe run`; and by `dvc repro`,
which writes all of dvc.lock for every stage, so that it runs only the next few of each size. Then what it takes to see
that nothing is left to do. CPU seconds, of all processes, depend less than seconds on what else the machine does. The
last line has two chains of stages that compute, `--jobs 1` against `--jobs 2` by turns. MTPIPE_STUDY_STAGES="100 400"
chooses other sizes. `run` is kept from starting the server that loads torch, which these stages never ask for.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.trivial_study import ROOT, make_study, write_params

STAGES = os.environ.get("MTPIPE_STUDY_STAGES", "100 400 850 1600 3000")
_LARGEST_REPRO = 1600
"""Stages of the largest study that `dvc repro` adds to, whose time for each stage grows with their number."""
_ROUNDS = 15
"""A chain then has 48 stages."""
_NEXT = {"start": 1, "rollout": 4, "verify": 4, "update": 3}
"""The stages of a new chain that `dvc repro` runs, beside `plan`."""

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
    print("             a stage added by `run`         a stage added by `dvc repro`      nothing to do, CPU seconds")
    print(
        "stages   seconds  CPU seconds   MiB         number  seconds  CPU seconds          run   dvc repro   (seconds)"
    )
    with tempfile.TemporaryDirectory() as parent:
        folder, arms, before = Path(parent) / "study", 0, 0
        for size in map(int, STAGES.split()):
            wanted = max(arms + 1, round((size - 7) / 48))
            stages, arms = _grow(folder, arms, wanted), wanted
            added, idle = _cost([*_RUN, "2"], folder), _cost([*_RUN, "2"], folder)
            line = f"{stages:6}  {_each(added, stages - before)}  {max(added.memory, idle.memory):4.0f}"
            if size <= _LARGEST_REPRO:
                nothing = _cost(_REPRO, folder)
                _grow(folder, arms, arms + 1)
                count = 1 + sum(_NEXT.values())
                more = _cost([*_REPRO, f"verify@arm{arms}-1-round{_NEXT['verify'] - 1}"], folder)
                arms += 1
                line += f"  {count:14}  {_each(more, count)}  {idle.cpu:11.1f}  {nothing.cpu:10.1f}"
                line += f"   ({idle.seconds:.1f}, {nothing.seconds:.1f})"
                before = stages + count
            else:
                line += f"  {'':14}  {'':20}  {idle.cpu:11.1f}  {'':10}   ({idle.seconds:.1f})"
            print(line, flush=True)
        alone, beside = _two_chains(Path(parent))
        print(f"two chains: one after the other {alone:.1f} s, side by side {beside:.1f} s, ratio {alone / beside:.2f}")


def _each(cost: Cost, stages: int) -> str:
    return f"{cost.seconds / stages:7.2f}  {cost.cpu / stages:11.3f}"


def _grow(folder: Path, arms: int, wanted: int) -> int:
    """Gives the study as many arms, with one seed each, and returns the number of its stages."""
    if not folder.exists():
        return make_study(folder, arms=wanted, seeds=1, rounds=_ROUNDS)
    write_params(folder, [f"arm{index}" for index in range(wanted)], [1], _ROUNDS)
    return 7 + wanted * (3 + 3 * _ROUNDS)


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
        env={
            **os.environ,
            "PATH": path,
            "PYTHONPATH": str(ROOT),
            "DVC_NO_ANALYTICS": "1",
            "MTPIPE_PRELOAD": "0",
            **environment,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(started.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed in {folder}")
    return Cost(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
