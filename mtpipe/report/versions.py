"""Two versions of a study, commits or DVC experiments, against each other: arm by arm, with the report's statistics."""

import re
import subprocess
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtpipe.errors import MtpipeError
from mtpipe.records import EVALUATION, read_table
from mtpipe.report.claims import difference_cell
from mtpipe.report.differences import Difference, judge_differences
from mtpipe.settings.outputs import Report
from mtpipe.statistics.intervals import estimate_means
from mtpipe.text_table import aligned

CACHE = Path(".dvc") / "cache" / "files" / "md5"
WORKSPACE = "."
"""Names the version in the working directory."""

_OUTPUT = re.compile(r"path: data/evaluation/([^/\s]+)/seed(\d+)/after(\d+)\.parquet\n\s+hash: md5\n\s+md5: (\w{32})\n")
Scores = dict[tuple[str, str], dict[int, dict[str, float]]]
"""The share of correct responses by (arm, benchmark), seed and problem."""


def compare_versions(before: str, after: str, report: Report) -> str:
    """The table that is printed: after − before of each arm and benchmark that both have, after each one's last round.

    Raises MtpipeError if a version is unknown, has no dvc.lock with evaluations, or DVC's cache has lost one; and if
    the two share nothing, or were not evaluated on the same problems.
    """
    old, new = scores(before), scores(after)
    keys = [key for key in old if key in new and old[key].keys() & new[key].keys()]
    if not keys:
        raise MtpipeError(f"{before} and {after} have no arm, seed and benchmark in common")
    pairs = {key: _paired(old[key], new[key], f"{key[0]} on {key[1]}") for key in keys}
    tables = {key: pair[1] - pair[0] for key, pair in pairs.items()}
    estimates = {key: estimate_means(table[None], report.confidence)[0] for key, table in tables.items()}
    found = judge_differences(tables, estimates, report)
    rows: list[tuple[str, ...]] = [("arm", "benchmark", before, after, "difference", "p", "Holm", "detectable")]
    for key, (first, second) in pairs.items():
        rows.append((*key, f"{100 * first.mean():.1f}", f"{100 * second.mean():.1f}", *_cells(found[key])))
    several = next(iter(estimates.values())).seeds > 1
    what = "methods, over seeds and problems" if several else "single policies, over problems: no claim about settings"
    return "\n".join(
        [
            *aligned(rows),
            "",
            f"Percentage points of correct responses with {100 * report.confidence:g} % intervals; tests of {what}.",
            "Holm: corrected over all rows. Detectable: what would be marked with a chance of 80 %.",
        ]
    )


def _cells(found: Difference) -> tuple[str, ...]:
    mark = " ≠" if found.holds or found.policies_differ else ""
    cell = difference_cell(found.estimate)
    return (
        f"{cell.text} {cell.interval}{mark}",
        f"{found.p_value:.4f}",
        f"{found.adjusted:.4f}",
        f"{100 * found.detectable:.1f}",
    )


def _paired(
    old: dict[int, dict[str, float]], new: dict[int, dict[str, float]], what: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both versions' scores, [seeds, problems], of the seeds that both have."""
    seeds = sorted(old.keys() & new.keys())
    problems = sorted(old[seeds[0]])
    if any(sorted(side[seed]) != problems for side in (old, new) for seed in seeds):
        raise MtpipeError(f"{what}: the two versions were not evaluated on the same problems")
    first, second = (np.array([[side[seed][each] for each in problems] for seed in seeds]) for side in (old, new))
    return first, second


def scores(version: str) -> Scores:
    """What a version's last evaluations say; raises MtpipeError as `compare_versions` does."""
    last: dict[tuple[str, int], tuple[int, str]] = {}
    for arm, seed, after, md5 in _OUTPUT.findall(_lock(version)):
        last[arm, int(seed)] = max(last.get((arm, int(seed)), (-1, "")), (int(after), md5))
    if not last:
        raise MtpipeError(f"dvc.lock of {version} has no evaluations; `dvc repro` makes them")
    found: Scores = defaultdict(dict)
    for (arm, seed), (_, md5) in last.items():
        for benchmark, of_problems in _of_file(CACHE / md5[:2] / md5[2:], version).items():
            found[arm, benchmark][seed] = of_problems
    return dict(found)


def _lock(version: str) -> str:
    if version == WORKSPACE:
        path = Path("dvc.lock")
        return path.read_text(encoding="utf-8") if path.exists() else ""
    for name in (version, *_experiments(version)):
        shown = _git("show", f"{name}:dvc.lock")
        if shown is not None:
            return shown
    raise MtpipeError(
        f"{version} is no commit or DVC experiment with a dvc.lock; `dvc exp show` and `git log` list them"
    )


def _experiments(name: str) -> list[str]:
    listed = _git("for-each-ref", "--format=%(refname)", "refs/exps") or ""
    return [ref for ref in listed.splitlines() if ref.rpartition("/")[2] == name]


def _git(*arguments: str) -> str | None:
    ended = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return ended.stdout if ended.returncode == 0 else None


def _of_file(cached: Path, version: str) -> dict[str, dict[str, float]]:
    """By benchmark and problem. The cached file is read by a link that has a name, for messages."""
    if not cached.exists():
        raise MtpipeError(f"DVC's cache has lost an evaluation of {version} ({cached}); check it out and `dvc repro`")
    with TemporaryDirectory() as folder:
        link = Path(folder) / f"evaluation of {version.replace('/', '-')}"
        link.symlink_to(cached.resolve())
        table = read_table(link, EVALUATION)
    means: list[dict[str, Any]] = (
        table.set_column(table.column_names.index("correct"), "correct", table["correct"].cast("float64"))
        .group_by(["benchmark", "problem_id"])
        .aggregate([("correct", "mean")])
        .to_pylist()
    )
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for row in means:
        found[row["benchmark"]][row["problem_id"]] = row["correct_mean"]
    return dict(found)
