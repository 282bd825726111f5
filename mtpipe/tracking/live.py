"""Live metrics: what a running stage tells MLflow of its progress, if params.yaml has tracking.live: true.

They are for watching a long round, and nothing depends on them. A stage that comes from DVC's cache logs none, so the
run they go to is tagged as live and is incomplete; publishing the complete run from the files removes it. If MLflow
does not work there is one warning, and the stage goes on without.
"""

import sys
import time
from collections.abc import Mapping
from typing import Any

from mtpipe.progress import Listener
from mtpipe.settings.base import read_section
from mtpipe.settings.outputs import Tracking

LIVE = "mtpipe.live"


def listener(arguments: Mapping[str, Any]) -> Listener | None:
    """What logs to the live run of the arm and seed among a stage's arguments; None if live metrics are off."""
    if not {"arm", "seed"} <= arguments.keys() or not read_section("tracking", Tracking).live:
        return None
    try:
        send = _open(arguments["arm"], arguments["seed"])
    except Exception as error:
        _warn(error)
        return None
    broken = False

    def log(section: str, metrics: Mapping[str, Any], step: int) -> None:
        nonlocal broken
        if not broken:
            try:
                send(section, metrics, step)
            except Exception as error:
                broken = True
                _warn(error)

    return log


def _open(arm: str, seed: int) -> Listener:
    """Finds or makes the live run, and returns what logs to it."""
    # Here, because importing mlflow takes seconds.
    from mlflow.entities import Metric

    from mtpipe.params import load_params
    from mtpipe.tracking.colours import COLOUR, run_colour
    from mtpipe.tracking.publishing import IDENTITY
    from mtpipe.tracking.record import identity, numbers
    from mtpipe.tracking.store import mlflow_environment, open_experiment

    params = load_params()
    wanted = identity(params, arm, seed)
    with open_experiment(params.tracking) as (client, experiment):
        found = client.search_runs([experiment], f"tags.`{IDENTITY}` = '{wanted}' and tags.`{LIVE}` = 'true'")
        if found:
            run = found[0].info.run_id
        else:
            tags = {"arm": arm, "seed": str(seed), IDENTITY: wanted, LIVE: "true"}
            tags[COLOUR] = run_colour(params.arms, arm, params.seeds, seed)
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
