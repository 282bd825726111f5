"""Prints where MLflow has the study's curves and its table: `make ui` runs this before it starts MLflow.

It asks the database itself, because importing mlflow takes seconds.
"""

import sqlite3
from contextlib import closing

from mtpipe import paths
from mtpipe.params import load_params
from mtpipe.tracking.table_view import table_link

PORT = 5000
"""Of `mlflow ui` without --port."""


def links(uri: str | None, experiment: str) -> dict[str, str]:
    """Addresses of the experiment's pages, by what they show; of a server its own, and none before the first run."""
    if uri is not None:
        return {"This study": uri} if uri.startswith("http") else {}
    database = paths.MLFLOW / "mlflow.db"
    if not database.is_file():
        return {}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as found:
        row = found.execute("SELECT experiment_id FROM experiments WHERE name = ?", (experiment,)).fetchone()
    if row is None:
        return {}
    server = f"http://127.0.0.1:{PORT}"
    return {
        "Charts of this study": f"{server}/#/experiments/{row[0]}/runs?compareRunsMode=CHART",
        "Temperatures and scores": table_link(row[0], server),
    }


def main() -> None:
    """Says where they are, or that there are none yet."""
    tracking = load_params().tracking
    found = links(tracking.uri, tracking.experiment)
    for what, link in found.items():
        print(f"{what}: {link}")
    if not found:
        print("Nothing is in MLflow yet; `dvc repro` ends by filling it.")


if __name__ == "__main__":
    main()
