"""MLflow's table of runs with the columns that tell arms apart: temperature, and the benchmarks' scores.

MLflow keeps the columns that someone chose in their browser, and gives a new one three others. What it takes from the
server is a view that someone shares: a tag of the experiment, to which an address points.
"""

import json
from collections.abc import Iterable

CURRENT = "mtpipe.current"
"""The tag of runs: whether they are of params.yaml as it stands."""
VIEW = "mtpipe"
TAG = f"mlflow.sharedViewState.{VIEW}"


def table_view(metrics: Iterable[str]) -> str:
    """The tag's value: current runs, with the arm's temperatures in words and the benchmarks' scores of `metrics`."""
    columns = ["params.`temperature`", *(f"metrics.`{name}`" for name in metrics if name.startswith("eval/"))]
    view = {
        "searchFilter": f"tags.`{CURRENT}` = 'true'",
        "selectedColumns": columns,
        "columnOrder": ["attributes.`Run Name`", *columns],
        "columnWidths": {"params.`temperature`": 420},
    }
    return json.dumps(view)


def table_link(experiment: str, server: str) -> str:
    """Where the table is, in the browser of someone who has never chosen columns too."""
    return f"{server}/#/experiments/{experiment}/runs?viewStateShareKey={VIEW}"
