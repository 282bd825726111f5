"""Takes a moved or copied project's MLflow store over: its database keeps absolute addresses of artifacts."""

import sqlite3
from contextlib import closing

from mtpipe.alone import alone
from mtpipe.errors import MtpipeError
from mtpipe.settings.outputs import Tracking
from mtpipe.tracking.store import Store

_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""The columns of MLflow's database that hold addresses of artifacts."""


def take_over(tracking: Tracking) -> int:
    """Has every address below the experiment's former artifact folder lead into this project's, and counts them.

    Raises MtpipeError for a server, which keeps its own addresses, where there is no store or experiment, and if the
    artifacts did not come along.
    """
    store = Store.of(tracking.uri)
    database, artifacts = store.folder / store.uri.rpartition("/")[2], store.folder / "artifacts"
    if not store.is_sqlite:
        raise MtpipeError(f"params.yaml: tracking.uri is {tracking.uri}: a server keeps the addresses of its artifacts")
    if not database.is_file() or not artifacts.is_dir():
        raise MtpipeError(f"{store.folder} lacks {database.name} or artifacts/; move the whole folder here")
    with (
        alone(store.folder / "publishing.lock", "another process is publishing to MLflow", waits=True),
        closing(sqlite3.connect(database)) as connection,
        connection,
    ):
        query = "SELECT artifact_location FROM experiments WHERE name = ?"
        found = connection.execute(query, (tracking.experiment,)).fetchone()
        if found is None:
            raise MtpipeError(f"{database} has no experiment {tracking.experiment!r} (tracking.experiment)")
        return sum(_rewrite(connection, *each, found[0], artifacts.as_uri()) for each in _ADDRESSES)


def _rewrite(connection: sqlite3.Connection, table: str, column: str, old: str, new: str) -> int:
    """The number of rows changed; none where this version of MLflow has no such column."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    if column not in columns or old == new:
        return 0
    changed = connection.execute(
        f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {column} = ? OR substr({column}, 1, ?) = ?",
        (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
    )
    return changed.rowcount
