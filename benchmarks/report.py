"""The report of 5 arms x 5 seeds x 10 rounds, and its statistics against loops over scipy.stats.bootstrap.

The peer makes the same intervals, with as many resamples, one scipy.stats.bootstrap call for each quantity, over
problems alone, with the seeds averaged: scipy has no bootstrap over two margins, so ours does more. Turns alternate.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import chdir
from functools import partial
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML
from scipy.stats import bootstrap

from benchmarks.synthetic_study import write_study
from mtpipe.params import Params, load_params
from mtpipe.statistics.bootstrap import estimate_means

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
    _statistics(params)


def _enlarged() -> Params:
    yaml = YAML(typ="safe")
    found = yaml.load(Path("params.yaml").read_text(encoding="utf-8"))
    found["seeds"] = [1, 2, 3, 4, 5]
    found["rounds"] = [{"n": n, "next": n + 1} for n in range(10)]
    found["evaluate"]["after"] = [2, 4, 6, 8, 10]
    with open("params.yaml", "w", encoding="utf-8") as file:
        yaml.dump(found, file)
    return load_params()


def _statistics(params: Params) -> None:
    """One benchmark's tables: every arm after every evaluated round."""
    quantities = len(params.arms) * len(params.evaluate.after)
    values = np.random.default_rng(0).random((quantities, len(params.seeds), PROBLEMS))
    resamples = params.report.resamples

    def peer() -> None:
        for table in values:
            bootstrap((table.mean(axis=0),), np.mean, n_resamples=resamples, method="percentile", batch=1000, rng=0)

    turns = [(_seconds(lambda: estimate_means(values, resamples, 0.95)), _seconds(peer)) for _ in range(TURNS)]
    ratios = sorted(theirs / ours for ours, theirs in turns)
    ours, theirs = (statistics.median(side) for side in zip(*turns, strict=True))
    print(
        f"scipy.stats.bootstrap loop / bootstrap over problems and seeds, {quantities} intervals: "
        f"{statistics.median(ratios):.1f} (from {ratios[0]:.1f} to {ratios[-1]:.1f} in {TURNS} turns; "
        f"medians {theirs:.2f} and {ours:.2f} s)"
    )


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
