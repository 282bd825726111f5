"""Two versions of a study, commits or DVC experiments, against each other: arm by arm, with the report's statistics."""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.params import Params
from mtpipe.pruned import cache_object
from mtpipe.records import EVALUATION, read_table
from mtpipe.report.claims import difference_cell
from mtpipe.report.differences import Difference, Key, judge_differences
from mtpipe.report.kept_scores import BySeed, Scores, read_scores
from mtpipe.report.lock_entries import LockEntries
from mtpipe.settings.base import read_yaml
from mtpipe.settings.outputs import Report
from mtpipe.statistics.intervals import Estimate, estimate_means
from mtpipe.text_table import aligned

CACHE = Path(".dvc") / "cache" / "files" / "md5"
WORKSPACE = "."
"""Names the version in the working directory."""

_OUTPUT = re.compile(r"path: data/evaluation/([^/\s]+)/seed(\d+)/after(\d+)\.parquet\n\s+hash: md5\n\s+md5: (\w{32})\n")


@dataclass(frozen=True)
class Compared:
    """One arm on one benchmark in two versions, over the seeds that both have.

    Attributes:
        before, after: the share of correct responses after the last round, over seeds and problems.
        difference: after − before, paired by seed and problem, with its test among all rows.
        curves: for each version by number of rounds the share of correct responses with its interval.
    """

    arm: str
    benchmark: str
    before: float
    after: float
    difference: Difference
    curves: tuple[dict[int, Estimate], dict[int, Estimate]]


def compare_versions(before: str, after: str, report: Report) -> list[Compared]:
    """Each arm and benchmark that both versions have, each after its last round.

    Raises MtpipeError if a version is unknown, has no dvc.lock with evaluations, or DVC's cache has lost one; and if
    the two share nothing, or were not evaluated on the same problems.
    """
    old, new = scores(before), scores(after)
    last = {key: (last_round(old[key]), last_round(new[key])) for key in old if key in new}
    keys = [key for key, (first, second) in last.items() if first.keys() & second.keys()]
    if not keys:
        raise MtpipeError(f"{before} and {after} have no arm, seed and benchmark in common")
    curves = {key: (_curve(old[key], report.confidence), _curve(new[key], report.confidence)) for key in keys}
    return compare_pairs({key: last[key] for key in keys}, curves, report)


def compare_pairs(
    pairs: Mapping[Key, tuple[BySeed, BySeed]],
    curves: Mapping[Key, tuple[dict[int, Estimate], dict[int, Estimate]]],
    report: Report,
) -> list[Compared]:
    """The second of each pair minus the first, over the seeds that both have: one family for Holm's correction.

    Raises MtpipeError if two have no seed in common, or were not evaluated on the same problems.
    """
    both = {key: _paired(*pair, f"{key[0]} on {key[1]}") for key, pair in pairs.items()}
    tables = {key: second - first for key, (first, second) in both.items()}
    estimates = {key: estimate_means(table[None], report.confidence)[0] for key, table in tables.items()}
    found = judge_differences(tables, estimates, report)
    return [
        Compared(
            *key,
            before=float(first.mean()),
            after=float(second.mean()),
            difference=found[key],
            curves=curves.get(key, ({}, {})),
        )
        for key, (first, second) in both.items()
    ]


def said_of(found: list[Compared]) -> str:
    """What is compared, and by which test: a sentence."""
    several = found[0].difference.estimate.seeds > 1
    return "methods, over seeds and problems" if several else "single policies, over problems: no claim about settings"


def as_text(before: str, after: str, found: list[Compared], report: Report) -> str:
    """The table that is printed."""
    rows: list[tuple[str, ...]] = [("arm", "benchmark", before, after, "difference", "p", "Holm", "detectable")]
    for one in found:
        scores = (f"{100 * one.before:.1f}", f"{100 * one.after:.1f}")
        rows.append((one.arm, one.benchmark, *scores, *_cells(one.difference)))
    return "\n".join(
        [
            *aligned(rows),
            "",
            f"Percentage points of correct responses with {100 * report.confidence:g} % intervals; "
            f"tests of {said_of(found)}.",
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


def last_round(by_round: dict[int, BySeed]) -> BySeed:
    """Each seed's scores after its last round."""
    found: BySeed = {}
    for rounds in sorted(by_round):
        found |= by_round[rounds]
    return found


def _curve(by_round: dict[int, BySeed], confidence: float) -> dict[int, Estimate]:
    """The mean score by number of rounds, where all seeds were evaluated on the same problems."""
    found = {}
    for rounds in sorted(by_round):
        of_seeds = list(by_round[rounds].values())
        if all(each.keys() == of_seeds[0].keys() for each in of_seeds):
            found[rounds] = estimate_means(score_table(by_round[rounds])[None], confidence)[0]
    return found


def _paired(old: BySeed, new: BySeed, what: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both versions' scores, [seeds, problems], of the seeds that both have."""
    seeds = sorted(old.keys() & new.keys())
    if not seeds:
        raise MtpipeError(f"{what}: the two have no seed in common, and are compared seed by seed")
    problems = sorted(old[seeds[0]])
    if any(sorted(side[seed]) != problems for side in (old, new) for seed in seeds):
        raise MtpipeError(f"{what}: the two versions were not evaluated on the same problems")
    first, second = (score_table({seed: side[seed] for seed in seeds}) for side in (old, new))
    return first, second


def score_table(by_seed: BySeed) -> NDArray[np.float64]:
    """Scores [seeds, problems], seeds and problems in order; every seed has the same problems."""
    return np.array([[share for _, share in sorted(by_seed[seed].items())] for seed in sorted(by_seed)])


def scores(version: str) -> Scores:
    """What the evaluations say that a version's params.yaml asks for; raises MtpipeError as `compare_versions` does.

    dvc.lock also has those of settings that were there before, which are left out. A version is also a file that
    `python -m mtpipe scores` wrote.
    """
    if version.endswith(".json"):
        return read_scores(Path(version))
    lock, (arms, seeds, rounds) = file_of(version, "dvc.lock"), _asked_for(version)
    outputs = [
        (arm, int(seed), int(after), md5)
        for arm, seed, after, md5 in _OUTPUT.findall(lock)
        if arm in arms and int(seed) in seeds and int(after) in rounds
    ]
    if not outputs:
        raise MtpipeError(f"dvc.lock of {version} has no evaluations; `dvc repro` makes them")
    entries = LockEntries(lock)
    current = [each for each in outputs if entries.is_current(paths.evaluation(*each[:3]).as_posix())]
    if not current:
        raise MtpipeError(f"dvc.lock of {version} has evaluations of other settings alone; `dvc repro` makes these")
    if others := len(outputs) - len(current):
        print(f"left out, made with other settings: {others} evaluations of dvc.lock of {version}", file=sys.stderr)
    found: Scores = defaultdict(lambda: defaultdict(dict))
    for arm, seed, after, md5 in current:
        for benchmark, of_problems in _of_file(cache_object(CACHE, md5), version).items():
            found[arm, benchmark][after][seed] = of_problems
    return {key: dict(by_round) for key, by_round in found.items()}


def _asked_for(version: str) -> tuple[list[str], list[int], list[int]]:
    """The arms, the seeds and the evaluated numbers of rounds; of an older params.yaml nothing else has to be known."""
    shipped = Params()
    with settings_file(version) as path:
        found = read_yaml(path)
    after = found.get("evaluate", {}).get("after", shipped.evaluate.after)
    return found.get("arms", shipped.arms), found.get("seeds", shipped.seeds), after


@contextmanager
def settings_file(version: str) -> Iterator[Path]:
    """A version's params.yaml, in a file whose name says so; raises MtpipeError if it has none."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"params.yaml of {version.replace('/', '-')}"
        path.write_text(file_of(version, "params.yaml"), encoding="utf-8")
        yield path


def file_of(version: str, name: str) -> str:
    """The text of a file in a version; nothing if the workspace has none.

    Raises MtpipeError if the version is neither a commit nor an experiment that has the file.
    """
    if version == WORKSPACE:
        path = Path(name)
        return path.read_text(encoding="utf-8") if path.exists() else ""
    for commit in (version, *_experiments(version)):
        shown = _git("show", f"{commit}:{name}")
        if shown is not None:
            return shown
    raise MtpipeError(f"{version} is no commit or DVC experiment with a {name}; `dvc exp show` and `git log` list them")


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
