"""What MLflow is told of one run (one arm with one seed), read from the files of the other stages.

Two digests make publishing repeatable. The identity says which run it is: arm, seed and the settings that shape
training, but not how many rounds. The content says what was measured. Neither depends on a clock.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mtpipe import paths
from mtpipe.digests import file_md5
from mtpipe.files import read_json
from mtpipe.params import Params
from mtpipe.records import EVALUATION, read_table
from mtpipe.tracking.description import describe_temperatures
from mtpipe.tracking.identity import SHAPES_TRAINING, digest, identity
from mtpipe.tracking.metric_names import numbers, safe
from mtpipe.tracking.store import project_root

_REPORT_FILES = ("index.html", "tables.md", "tables.json")
_NO_CLOCK = 946_684_800_000
"""Milliseconds since 1970: the start of a run without clock files, 2000-01-01, so that nobody takes it for real."""
_MINUTE = 60_000


@dataclass(frozen=True)
class MetricPoint:
    """One point of a metric's history; `time` in milliseconds since 1970."""

    key: str
    value: float
    step: int
    time: int


@dataclass(frozen=True)
class DatasetFile:
    """A file of problems that a run was trained or evaluated on; `digest` is the md5 that dvc.lock holds too."""

    name: str
    path: Path
    digest: str
    context: str


@dataclass(frozen=True)
class RunRecord:
    """All that is published of one run; `started` and `ended` in milliseconds since 1970."""

    arm: str
    seed: int
    identity: str
    description: str
    params: dict[str, str]
    values: list[MetricPoint]
    datasets: list[DatasetFile]
    artifacts: list[tuple[str, Path]]
    started: int
    ended: int

    @property
    def name(self) -> str:
        return f"{self.arm}-seed{self.seed}"

    @cached_property
    def content(self) -> str:
        """The digest of params, metrics and data sets."""
        values = sorted((value.key, value.step, value.value) for value in self.values)
        return digest([self.params, values, sorted((data.name, data.digest) for data in self.datasets)])

    @cached_property
    def artifacts_digest(self) -> str:
        return digest([[folder, path.name, file_md5(path)] for folder, path in self.artifacts])


def read_record(params: Params, arm: str, seed: int) -> RunRecord:
    """Collects one run from its files.

    Raises MtpipeError if one is missing or unreadable.
    """
    times = _round_times(arm, seed, len(params.rounds))
    start = times[0][0]
    values: list[MetricPoint] = []  # MLflow lists metrics in this order

    evaluations = {0: paths.WARM_START_EVALUATION}
    evaluations |= {after: paths.evaluation(arm, seed, after) for after in params.evaluate.after}
    benchmarks: list[str] = []
    for after, path in evaluations.items():
        shares = _shares_correct(path)
        benchmarks += [name for name in shares if name not in benchmarks]
        time = times[after - 1][1] if after else start
        values += [MetricPoint(f"eval/{safe(name)}", share, after, time) for name, share in shares.items()]

    for round, (began, ended) in enumerate(times):
        found = read_json(paths.round_metrics(arm, seed, round))
        values += [MetricPoint(key, value, round, ended) for key, value in _of_round(found)]
        for index, step in enumerate(found["steps"], 1):
            time = began + (ended - began) * index // len(found["steps"])
            values += [
                MetricPoint(f"step/{key}", value, step["step"], time) for key, value in numbers(step) if key != "step"
            ]

    return RunRecord(
        arm=arm,
        seed=seed,
        identity=identity(params, arm, seed),
        description=(
            f"Arm {arm}, seed {seed}, {len(params.rounds)} rounds. "
            f"Temperature: {describe_temperatures(_temperature(params, arm))}."
        ),
        params=_flat_params(params, arm, seed) | _data_params(),
        values=values,
        datasets=[
            _dataset("train", paths.TRAIN, "training"),
            *(_dataset(name, paths.benchmark(name), "evaluation") for name in benchmarks),
        ],
        artifacts=_artifacts(params, arm, seed, list(evaluations.values())),
        started=start,
        ended=times[-1][1],
    )


def _flat_params(params: Params, arm: str, seed: int) -> dict[str, str]:
    """The settings by dotted key; of the temperatures those of this arm alone, under the same keys in every run.

    `temperature` has them in one line, for a table; the keys schedule, spread and token one by one, for filters.
    """
    sections = {name: getattr(params, name).model_dump(mode="json") for name in (*SHAPES_TRAINING, "compute")}
    sections["update"] = params.update.overridden(params.temperature[arm].update).model_dump(mode="json")
    flat = {"arm": arm, "seed": str(seed), "rounds": str(len(params.rounds))}
    flat["temperature"] = describe_temperatures(_temperature(params, arm))
    for name, part in _temperature(params, arm).items():
        flat |= _flatten(name, part)
    flat |= _flatten("evaluate", params.evaluate.model_dump(mode="json"))
    for name, section in sections.items():
        flat |= _flatten(name, section)
    return flat


def _temperature(params: Params, arm: str) -> dict[str, Any]:
    return params.temperature[arm].model_dump(mode="json", exclude_none=True)


def _data_params() -> dict[str, str]:
    """What was loaded of each data set: data.<role>.<name>.<rows, kept, digest, revision, …>."""
    flat: dict[str, str] = {}
    for source in read_json(paths.SOURCES):
        described = {key: value for key, value in source.items() if key not in ("name", "role") and value is not None}
        flat |= _flatten(f"data.{source['role']}.{source['name']}", described)
    return flat


def _flatten(prefix: str, value: Any) -> dict[str, str]:
    if isinstance(value, dict):
        return {key: text for name, part in value.items() for key, text in _flatten(f"{prefix}.{name}", part).items()}
    return {prefix: value if isinstance(value, str) else json.dumps(value)}


def _of_round(found: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers of one round, by chart section: its means, each verdict's share, rewards by part and temperature."""
    yield from ((f"round/{key}", value) for key, value in numbers(found["round"]))
    verdicts = found["round"]["verdicts"]
    for name, count in verdicts.items():
        yield f"verdict/{safe(name)}", count / sum(verdicts.values())
    for name, part in found["reward_parts"].items():
        yield f"reward/{safe(name)}", part["mean"]
        yield f"reward/{safe(name)}_advantage_share", part["advantage_share"]
    for row in found["temperatures"]:
        for key in ("reward", "positive_advantage_share", "different_responses", "different_answers"):
            yield f"temperature/{key}_at_{row['temperature']:g}", row[key]
    for row in found["mismatch"]:
        if row["by"] == "all":
            keys = ("mean", "quantile", "largest", "k3", "weight", "cut", "responses_cut")
            yield from ((f"mismatch/{key}", row[key]) for key in keys)
    for key in ("threshold", "hot_share"):
        if found["entropy"][key] is not None:
            yield f"round/entropy_{key}", found["entropy"][key]


def _shares_correct(path: Path) -> dict[str, float]:
    """The share of correct responses in each benchmark."""
    table = read_table(path, EVALUATION)
    names, correct = table["benchmark"].to_pylist(), table["correct"].to_pylist()
    judged: dict[str, list[bool]] = {}
    for name, right in zip(names, correct, strict=True):
        judged.setdefault(name, []).append(right)
    return {name: sum(rights) / len(rights) for name, rights in judged.items()}


def _round_times(arm: str, seed: int, rounds: int) -> list[tuple[int, int]]:
    """When each round's update began and ended, in milliseconds since 1970.

    The clock files are untracked, so that a clone or another machine may lack some. Then none is used: a run that
    is half in the year 2000 would be worse to look at than one that is there as a whole. DVC's temporary copy for a
    queued experiment has those of the rounds that ran there, and the project those of the rounds that were cached.
    """
    times = []
    for round in range(rounds):
        try:
            path = paths.CLOCK / f"update-{arm}-{seed}-{round}.json"
            clock = json.loads((path if path.is_file() else project_root() / path).read_text(encoding="utf-8"))
            times.append((int(clock["started"] * 1000), int((clock["started"] + clock["seconds"]) * 1000)))
        except (OSError, ValueError, KeyError, TypeError):
            return [(_NO_CLOCK + n * _MINUTE, _NO_CLOCK + (n + 1) * _MINUTE) for n in range(rounds)]
    return times


def _dataset(name: str, path: Path, context: str) -> DatasetFile:
    return DatasetFile(name, path, file_md5(path), context)


def _artifacts(params: Params, arm: str, seed: int, evaluations: list[Path]) -> list[tuple[str, Path]]:
    """The files to keep with a run, each with its folder there."""
    files = [("", Path("params.yaml"))]
    files += [("data", paths.SOURCES), ("data", paths.DROPPED)]
    files += [("plan", paths.round_plan(arm, round.n)) for round in params.rounds]
    files += [("samples", paths.samples(arm, seed, params.rounds[-1].n))]
    files += [("evaluation", path) for path in evaluations]
    files += [("report", paths.REPORT / name) for name in _REPORT_FILES if (paths.REPORT / name).is_file()]
    return files
