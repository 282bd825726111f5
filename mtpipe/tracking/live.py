"""Live metrics: what a running stage tells MLflow of its progress, where params.yaml has tracking.live: true.

They are for watching a long round, and nothing depends on them. A stage that comes from DVC's cache logs none, so the
run they go to is tagged as live and is incomplete; publishing the complete run from the files removes it. Where MLflow
does not work there is one warning, and the stage goes on without.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mtpipe.params import Params

LIVE = "mtpipe.live"

Log = Callable[[str, Mapping[str, Any], int], None]
"""Logs the numbers among some metrics: the chart section, the metrics, and the step they belong to."""


@contextmanager
def live_log(params: Params, arm: str, seed: int, first: bool = True) -> Iterator[Log]:
    """Gives the function that logs to the live run of an arm and seed; it does nothing where live metrics are off.

    Of several processes that share a stage only the `first` logs.
    """
    send: Log | None = None
    if params.tracking.live and first:
        try:
            send = _open(params, arm, seed)
        except Exception as error:
            _warn(error)

    def log(section: str, metrics: Mapping[str, Any], step: int) -> None:
        nonlocal send
        if send is not None:
            try:
                send(section, metrics, step)
            except Exception as error:
                send = None
                _warn(error)

    yield log


def _open(params: Params, arm: str, seed: int) -> Log:
    """Finds or makes the live run, and returns what logs to it."""
    # Here, because importing mlflow takes seconds.
    from mlflow.entities import Metric

    from mtpipe.tracking.publishing import IDENTITY
    from mtpipe.tracking.record import identity, numbers
    from mtpipe.tracking.store import mlflow_environment, open_experiment

    wanted = identity(params, arm, seed)
    with open_experiment(params.tracking) as (client, experiment):
        found = client.search_runs([experiment], f"tags.`{IDENTITY}` = '{wanted}' and tags.`{LIVE}` = 'true'")
        if found:
            run = found[0].info.run_id
        else:
            tags = {"arm": arm, "seed": str(seed), IDENTITY: wanted, LIVE: "true"}
            tags["mlflow.note.content"] = (
                "In progress and incomplete: the stages that came from DVC's cache are missing."
            )
            run = client.create_run(experiment, tags=tags, run_name=f"{arm}-seed{seed} (live)").info.run_id

    def send(section: str, metrics: Mapping[str, Any], step: int) -> None:
        now = int(time.time() * 1000)
        points = [Metric(f"{section}/{key}", value, now, step) for key, value in numbers(metrics)]
        with mlflow_environment():
            client.log_batch(run, metrics=points)

    return send


def _warn(error: Exception) -> None:
    print(f"warning: no live metrics from here on, the stage goes on without: {error}", file=sys.stderr)
