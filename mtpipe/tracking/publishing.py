"""Brings MLflow up to date with the files: one complete run for each listed arm and seed.

The files are the truth and MLflow a view of them, so this can run at any time and any number of times. A run is
found by its identity and is complete where it carries the digest of its content, the last thing it is given. An
MLflow experiment belongs to one project: runs of other identities are taken for its earlier ablations.

A DVC experiment (`dvc exp run`) adds its runs, named after it, and deletes no complete one. A queued one works in a
copy of the project, so it changes nothing at the runs that are there.
"""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TypeVar

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run

from mtpipe import paths
from mtpipe.files import write_json
from mtpipe.params import Params
from mtpipe.tracking.colours import ASIDE, COLOUR, run_colour
from mtpipe.tracking.identity import IDENTITY
from mtpipe.tracking.live import forget_told
from mtpipe.tracking.naming import run_name
from mtpipe.tracking.record import DatasetFile, RunRecord, read_record
from mtpipe.tracking.store import Store, in_temporary_copy, open_experiment
from mtpipe.tracking.table_view import CURRENT, TAG, table_view

CONTENT, ARTIFACTS = (f"mtpipe.{name}" for name in ("content", "artifacts"))
EXPERIMENT = "dvc.experiment"
RECEIPT = paths.MLFLOW / "receipt.json"
_METRICS_PER_CALL, _PARAMS_PER_CALL = 1000, 100
"""The most that a server takes."""
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Published:
    """What was done, by run name (new, replaced, new artifacts, unchanged), and how to look at it."""

    done: dict[str, str]
    how_to_open: str


def publish(params: Params) -> Published:
    """Publishes every listed arm and seed, and writes the receipt that DVC watches.

    Runs of params.yaml as it stands get the tag mtpipe.current = true, earlier ablations false. What is already
    there with the same content is left alone. Call it in the project's root. Raises MtpipeError if a file is
    missing, or where MLflow cannot be reached.
    """
    records = [read_record(params, arm, seed) for arm in params.arms for seed in params.seeds]
    done = {}
    with open_experiment(params.tracking) as (client, experiment):
        known: dict[str, list[Run]] = {}
        for run in _runs(client, experiment):
            known.setdefault(run.data.tags[IDENTITY], []).append(run)
        for record in records:
            colour = run_colour(params.arms, record.arm, params.seeds, record.seed)
            same = known.pop(record.identity, [])
            name = _former_name(same) or run_name(record.name, record.params, _before(record, known))
            done[record.name] = _bring_up_to_date(client, experiment, record, name, same, colour)
        if not in_temporary_copy():
            for run in (run for runs in known.values() for run in runs):
                _set_aside(client, run)
            metrics = dict.fromkeys(each.key for each in records[0].values)
            client.set_experiment_tag(experiment, TAG, table_view(metrics))
        forget_told()
    write_json(
        RECEIPT,
        {
            record.name: {"identity": record.identity, "content": record.content, "metrics": len(record.values)}
            for record in records
        },
    )
    return Published(done, Store.of(params.tracking.uri).how_to_open())


def _runs(client: MlflowClient, experiment: str) -> Iterator[Run]:
    """The experiment's runs that come from here, newest first."""
    token = None
    while True:
        page = client.search_runs([experiment], f"tags.`{IDENTITY}` LIKE '%'", page_token=token)
        yield from page
        if not (token := page.token):
            return


def _former_name(found: list[Run]) -> str | None:
    """The name that the project's own complete run of some settings has, to be kept."""
    complete = (run for run in found if CONTENT in run.data.tags and EXPERIMENT not in run.data.tags)
    return next((run.info.run_name for run in complete), None)


def _before(record: RunRecord, known: dict[str, list[Run]]) -> dict[str, str] | None:
    """The settings of the newest complete run of the same arm and seed that has others, current ones first."""
    found = [
        run
        for runs in known.values()
        for run in runs
        if CONTENT in run.data.tags and (run.data.tags["arm"], run.data.tags["seed"]) == (record.arm, str(record.seed))
    ]
    found.sort(key=lambda run: (run.data.tags.get(CURRENT) == "true", run.info.start_time), reverse=True)
    return found[0].data.params if found else None


def _bring_up_to_date(
    client: MlflowClient, experiment: str, record: RunRecord, name: str, found: list[Run], colour: str
) -> str:
    kept = next((run for run in found if run.data.tags.get(CONTENT) == record.content), None)
    done = "unchanged"
    if kept is None:
        _create(client, experiment, record, name, colour)
        done = "replaced" if found else "new"
    elif not in_temporary_copy():
        if kept.data.tags.get(ARTIFACTS) != record.artifacts_digest:
            _log_artifacts(client, kept.info.run_id, record)
            done = "new artifacts"
        _set_tags(client, kept, {CURRENT: "true", COLOUR: colour})
    for run in (run for run in found if run is not kept):
        if EXPERIMENT in run.data.tags or _dvc_experiment():
            _set_aside(client, run)
        else:
            client.delete_run(run.info.run_id)
    return done


def _set_aside(client: MlflowClient, run: Run) -> None:
    """Keeps a run of other settings for comparison, unless it was never finished: nothing can complete it now."""
    if CONTENT not in run.data.tags:
        client.delete_run(run.info.run_id)
    elif not in_temporary_copy():
        _set_tags(client, run, {CURRENT: "false", COLOUR: ASIDE})


def _set_tags(client: MlflowClient, run: Run, tags: dict[str, str]) -> None:
    """Sets those that differ."""
    for tag, value in tags.items():
        if run.data.tags.get(tag) != value:
            client.set_tag(run.info.run_id, tag, value)


def _create(client: MlflowClient, experiment: str, record: RunRecord, name: str, colour: str) -> None:
    tags = {COLOUR: colour, "arm": record.arm, "seed": str(record.seed), IDENTITY: record.identity, **_provenance()}
    tags |= {CURRENT: "false" if in_temporary_copy() else "true", "mlflow.note.content": record.description}
    if from_experiment := _dvc_experiment():
        tags[EXPERIMENT] = from_experiment
        name = f"{record.name} ({from_experiment})"
    run = client.create_run(experiment, start_time=record.started, tags=tags, run_name=name).info.run_id
    for params in _chunks(list(record.params.items()), _PARAMS_PER_CALL):
        client.log_batch(run, params=[Param(key, value) for key, value in params])
    for values in _chunks(record.values, _METRICS_PER_CALL):
        client.log_batch(run, metrics=[Metric(each.key, each.value, each.time, each.step) for each in values])
    client.log_inputs(run, list(_inputs(record.datasets)))
    _log_artifacts(client, run, record)
    client.set_terminated(run, end_time=record.ended)
    # Last: a run without it counts as incomplete and is published again.
    client.set_tag(run, CONTENT, record.content)


def _chunks(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _inputs(datasets: Iterable[DatasetFile]) -> Iterator[DatasetInput]:
    for each in datasets:
        source = json.dumps({"uri": each.path.as_posix(), "md5": each.digest})
        dataset = Dataset(each.name, each.digest[:8], source_type="local", source=source)
        yield DatasetInput(dataset, [InputTag("mlflow.data.context", each.context)])


def _log_artifacts(client: MlflowClient, run: str, record: RunRecord) -> None:
    for folder, path in record.artifacts:
        client.log_artifact(run, str(path), folder or None)
    client.set_tag(run, ARTIFACTS, record.artifacts_digest)


def _dvc_experiment() -> str | None:
    """The name of the `dvc exp run` that this is a part of."""
    return os.environ.get("DVC_EXP_NAME")


def _provenance() -> dict[str, str]:
    """The versions and the git commit that this run was published with."""
    found = {"mlflow.source.name": "dvc repro", "mlflow.source.type": "LOCAL"}
    for name in ("torch", "transformers", "mlflow"):
        try:
            found[f"version.{name}"] = version(name)
        except PackageNotFoundError:
            found[f"version.{name}"] = "not installed"
    with suppress(OSError, subprocess.CalledProcessError):
        git = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        found["mlflow.source.git.commit"] = git.stdout.strip()
    return found
