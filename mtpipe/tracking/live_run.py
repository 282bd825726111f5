"""A run in MLflow that is trained at the moment, and the points that it lacks."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Run

from mtpipe.tracking.colours import COLOUR
from mtpipe.tracking.identity import IDENTITY, PlannedRun
from mtpipe.tracking.store import in_temporary_copy
from mtpipe.tracking.table_view import CURRENT

LIVE = "mtpipe.live"
"""The tag of such runs."""
_PER_CALL = 1000
"""The most metrics that a server takes."""

Points = Mapping[tuple[str, int], Metric]
"""One point for each metric and step."""


def read_points(file: Path) -> Points:
    """What a run's stages have told; the last counts where a step was told twice, as after a stage that was killed."""
    points = {}
    for line in _whole_lines(file):
        found = json.loads(line)
        for key, value in found["metrics"].items():
            name = f"{found['section']}/{key}"
            points[name, found["step"]] = Metric(name, value, found["time"], found["step"])
    return points


def _whole_lines(file: Path) -> Iterator[str]:
    """Without a last one that is being written."""
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield line


class LiveRun:
    """The live run of one arm and seed, which may be there from an earlier forwarder."""

    def __init__(self, planned: PlannedRun) -> None:
        self._planned = planned
        self._id: str | None = None
        self._sent: dict[tuple[str, int], int] = {}

    def send(self, client: MlflowClient, experiment: str, points: Points) -> None:
        """Adds the points that the run lacks, and makes it where it is missing.

        MLflow can take no point back. Where a step has another one now, the run starts afresh.
        """
        found = self._find(client, experiment)
        if found is None or found.info.run_id != self._id:
            self._take_up(client, found)
        if self._id and any(self._sent.get(at, point.timestamp) != point.timestamp for at, point in points.items()):
            client.delete_run(self._id)
            self._id, self._sent = None, {}
        self._id = self._id or self._create(client, experiment)
        new = [(at, point) for at, point in points.items() if at not in self._sent]
        for start in range(0, len(new), _PER_CALL):
            client.log_batch(self._id, metrics=[point for _, point in new[start : start + _PER_CALL]])
        self._sent |= {at: point.timestamp for at, point in new}

    def leave(self, client: MlflowClient) -> None:
        """Marks it as killed, unless it was completed and removed."""
        if self._id and client.get_run(self._id).info.lifecycle_stage == "active":
            client.set_terminated(self._id, "KILLED")

    def _find(self, client: MlflowClient, experiment: str) -> Run | None:
        query = f"tags.`{IDENTITY}` = '{self._planned.identity}' and tags.`{LIVE}` = 'true'"
        return next(iter(client.search_runs([experiment], query)), None)

    def _take_up(self, client: MlflowClient, found: Run | None) -> None:
        self._id, self._sent = None, {}
        if found is not None:
            self._id = found.info.run_id
            client.update_run(self._id, status="RUNNING")
            for key in found.data.metrics:
                for point in client.get_metric_history(self._id, key):
                    self._sent[key, point.step] = point.timestamp

    def _create(self, client: MlflowClient, experiment: str) -> str:
        planned = self._planned
        tags = {"arm": planned.arm, "seed": str(planned.seed), IDENTITY: planned.identity, LIVE: "true"}
        tags |= {COLOUR: planned.colour, CURRENT: "false" if in_temporary_copy() else "true"}
        tags["mlflow.note.content"] = "In progress and incomplete: the stages that came from DVC's cache are missing."
        name = f"{planned.arm}-seed{planned.seed} (live)"
        run: str = client.create_run(experiment, tags=tags, run_name=name).info.run_id
        client.log_param(run, "temperature", planned.temperature)
        return run
