"""Prints where MLflow draws the study's curves: `make ui` runs this before it starts MLflow.

It asks the database itself, because importing mlflow takes seconds.
"""

import sqlite3
from contextlib import closing

from mtpipe import paths
from mtpipe.params import load_params

PORT = 5000
"""Of `mlflow ui` without --port."""


def charts_link(uri: str | None, experiment: str) -> str | None:
    """The address of the experiment's charts: of a server its own address, without an experiment yet None."""
    if uri is not None:
        return uri if uri.startswith("http") else None
    database = paths.MLFLOW / "mlflow.db"
    if not database.is_file():
        return None
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as found:
        row = found.execute("SELECT experiment_id FROM experiments WHERE name = ?", (experiment,)).fetchone()
    return row and f"http://127.0.0.1:{PORT}/#/experiments/{row[0]}/runs?compareRunsMode=CHART"


def main() -> None:
    """Says where the charts are, or that there are none yet."""
    tracking = load_params().tracking
    link = charts_link(tracking.uri, tracking.experiment)
    print(f"Charts of this study: {link}" if link else "Nothing is in MLflow yet; `dvc repro` ends by filling it.")


if __name__ == "__main__":
    main()
