"""The report of 5 arms x 5 seeds x 10 rounds: seconds, and the size of its page."""

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import chdir
from functools import partial
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.synthetic_study import write_study
from mtpipe.params import Params, load_params

TURNS = 3
PROBLEMS = 500


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy("params.yaml", folder)
        with chdir(folder):
            params = _enlarged()
            write_study(params, PROBLEMS)
            from stages.report import main

            report = partial(main, params=params)

            seconds = [_seconds(report) for _ in range(TURNS)]
            size = Path("report/index.html").stat().st_size
    sizes = f"{len(params.arms)} arms x {len(params.seeds)} seeds x {len(params.rounds)} rounds"
    spread = f"from {min(seconds):.1f} to {max(seconds):.1f} in {TURNS} turns"
    print(f"report of {sizes}, {PROBLEMS} problems a benchmark: {statistics.median(seconds):.1f} s ({spread})")
    print(f"index.html: {size / 1e6:.2f} MB")


def _enlarged() -> Params:
    yaml = YAML(typ="safe")
    found = yaml.load(Path("params.yaml").read_text(encoding="utf-8"))
    found["seeds"] = [1, 2, 3, 4, 5]
    found["rounds"] = [{"n": n, "next": n + 1} for n in range(10)]
    found["evaluate"]["after"] = [2, 4, 6, 8, 10]
    with open("params.yaml", "w", encoding="utf-8") as file:
        yaml.dump(found, file)
    return load_params()


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
