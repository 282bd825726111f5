"""Where the runs go: the tracking URI, the project that a DVC experiment belongs to, and one publisher at a time."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from mtpipe import paths
from mtpipe.alone import alone
from mtpipe.errors import MtpipeError
from mtpipe.settings.outputs import Tracking

_SQLITE = "sqlite:///"
_DEFAULT_URI = f"{_SQLITE}{paths.MLFLOW}/mlflow.db"
_EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # otherwise the page opens on language-model traces
    "mlflow.note.content": "One run for each arm and seed; `mtpipe.current = true` marks those of params.yaml.",
}
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def project_root() -> Path:
    """The working folder, or the project's own where this is DVC's temporary copy of it, .dvc/tmp/exps/NAME."""
    here = Path.cwd()
    for folder in here.parents:
        if folder.parts[-3:] == (".dvc", "tmp", "exps"):
            return folder.parents[2]
    return here


def in_temporary_copy() -> bool:
    """Whether this is DVC's copy of the project for a queued experiment."""
    return project_root() != Path.cwd()


@dataclass(frozen=True)
class Store:
    """A tracking URI; `folder` holds its lock and, where it is sqlite, the database and the artifacts."""

    uri: str
    folder: Path
    is_sqlite: bool

    @classmethod
    def of(cls, uri: str | None) -> "Store":
        """Resolves tracking.uri: null is sqlite in mlflow/, and sqlite paths count from the project's root."""
        uri = uri or _DEFAULT_URI
        if not uri.startswith(_SQLITE):
            return cls(uri, project_root() / paths.MLFLOW, is_sqlite=False)
        database = project_root() / uri.removeprefix(_SQLITE)
        return cls(f"{_SQLITE}{database}", database.parent, is_sqlite=True)

    @property
    def artifacts(self) -> str | None:
        """Where a new experiment keeps its artifacts; a server decides that itself."""
        return (self.folder / "artifacts").as_uri() if self.is_sqlite else None

    def how_to_open(self) -> str:
        """The command that shows the runs, or the server's address."""
        if self.uri.startswith("http"):
            return self.uri
        uri = self.uri.replace(f"{_SQLITE}{Path.cwd()}/", _SQLITE)
        return f"mlflow ui --workers 1 --backend-store-uri {uri}"


@contextmanager
def open_experiment(tracking: Tracking) -> Iterator[tuple[MlflowClient, str]]:
    """Gives a client and the experiment's id, and keeps other publishers of this project waiting.

    Raises MtpipeError, within about a minute, if the store cannot be reached or refuses what it is told.
    """
    store = Store.of(tracking.uri)
    # The log of the tables' creation, some fifty lines.
    for name in ("alembic", "mlflow.store.db.utils", "mlflow.tracking"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with mlflow_environment():
        try:
            with alone(store.folder / "publishing.lock", "another process is publishing to MLflow", waits=True):
                _check_database(store.uri)
                client = MlflowClient(tracking_uri=store.uri)
                yield client, _experiment(client, tracking, store)
        except (MlflowException, SQLAlchemyError, ImportError, OSError) as error:
            reason = " ".join(str(error).split())[:400]
            remedy = (
                "free the disk or repair its permissions; if the database is damaged, move its folder away, and "
                "`dvc repro` publishes the present results again, without runs of earlier settings or registered models"
                if store.is_sqlite
                else "start that server, correct the URI, or set it to null for sqlite in mlflow/"
            )
            message = (
                f"params.yaml: tracking.uri is {tracking.uri or 'null'}: MLflow does not work at {store.uri}; "
                f"{remedy} ({type(error).__name__}: {reason})"
            )
            raise MtpipeError(re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1:***@", message)) from error


def _experiment(client: MlflowClient, tracking: Tracking, store: Store) -> str:
    found = client.get_experiment_by_name(tracking.experiment)
    if found is None:
        return client.create_experiment(tracking.experiment, artifact_location=store.artifacts, tags=_EXPERIMENT_TAGS)
    if tracking.uri is None and found.artifact_location != store.artifacts:
        # Otherwise a copied project would write into the artifacts of the one it was copied from.
        raise MtpipeError(
            f"{store.folder}: its experiment {tracking.experiment!r} keeps artifacts in {found.artifact_location}, "
            f"so the project was moved or copied; `python -m mtpipe track --moved` takes that folder over, with all "
            f"its runs; or give params.yaml: tracking.experiment a new name"
        )
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found.experiment_id


def _check_database(uri: str) -> None:
    """Connects once: MLflow by itself tries a database that does not answer for over a minute, with warnings."""
    if uri.startswith(("sqlite", "postgresql", "mysql", "mssql")):
        engine = create_engine(uri)
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        finally:
            engine.dispose()


@contextmanager
def mlflow_environment() -> Iterator[None]:
    """By itself MLflow waits minutes for a server that is not there. What the user has set stays."""
    ours = {name: value for name, value in _ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]
