"""Registers a policy as a model version in MLflow, with where it came from: its run, and the hashes in dvc.lock."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus
from mlflow.exceptions import MlflowException

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import write_json
from mtpipe.model.adapter_folder import is_adapter
from mtpipe.params import Params
from mtpipe.tracking.identity import IDENTITY
from mtpipe.tracking.lineage import POLICY_HASH, read_lineage
from mtpipe.tracking.publishing import CONTENT
from mtpipe.tracking.record import RunRecord, read_record
from mtpipe.tracking.store import open_experiment

_MERGED = "merged"


@dataclass(frozen=True)
class Registered:
    """A model version, and whether it was there before."""

    name: str
    version: str
    is_new: bool


def register(
    params: Params, arm: str, seed: int, round: int | None = None, name: str | None = None, merge: bool = False
) -> Registered:
    """Registers the policy that one run's round `round` samples from; by default its last.

    The model goes to the run that was published for the arm and seed, without the optimizer's state. Its version's tags
    hold the policy's hash in dvc.lock, and those of the plan, rollouts, verdicts and policy it was updated from;
    lineage.json, beside the weights, has the hashes of all files before those. Registering the same policy of the
    same run again changes nothing. An adapter is stored without its base, of which its base.json has the digest; with
    `merge` the version holds all weights, and its tag `merged` says so.

    Raises MtpipeError if arm, seed or round are not in params.yaml, if the policy is not the one in dvc.lock,
    or where its run has not been published.
    """
    round = params.policy_round(arm, seed, round)
    folder = paths.policy(arm, seed, round)
    lineage = read_lineage(folder)
    record = read_record(params, arm, seed)
    name = name or f"{params.tracking.experiment}-{arm}"
    tags = {"arm": arm, "seed": str(seed), "round": str(round), "temperature": record.params["temperature"]}
    tags |= {IDENTITY: record.identity, **lineage.tags}
    merge = merge and is_adapter(folder)
    tags |= {_MERGED: "true"} if merge else {}
    with open_experiment(params.tracking) as (client, experiment):
        run = _run_of(client, experiment, record)
        for found in client.search_model_versions(f"name = '{name}' and run_id = '{run}'"):
            if all(found.tags.get(key) == tags.get(key) for key in (POLICY_HASH, _MERGED)):
                return Registered(name, str(found.version), is_new=False)
        with _merged(folder) if merge else nullcontext(folder) as stored:
            model = _log_model(client, experiment, run, stored, name, record, tags, lineage.hashes)
        client.log_outputs(run, [LoggedModelOutput(model.model_id, step=round)])
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        description = f"{record.description} Policy of round {round}."
        version = client.create_model_version(
            name, model.artifact_location, run, tags=tags, description=description, model_id=model.model_id
        )
    return Registered(name, str(version.version), is_new=True)


@contextmanager
def _merged(adapter: Path) -> Iterator[Path]:
    from mtpipe.model.adapter_policy import write_merged

    with tempfile.TemporaryDirectory() as place:
        write_merged(adapter, Path(place) / adapter.name)
        yield Path(place) / adapter.name


def _run_of(client: MlflowClient, experiment: str, record: RunRecord) -> str:
    found = client.search_runs(
        [experiment], f"tags.`{IDENTITY}` = '{record.identity}' and tags.`{CONTENT}` = '{record.content}'"
    )
    if not found:
        raise MtpipeError(
            f"MLflow has no run {record.name} of the results as they are; `python -m mtpipe track` publishes it"
        )
    return found[0].info.run_id


def _log_model(
    client: MlflowClient,
    experiment: str,
    run: str,
    folder: Path,
    name: str,
    record: RunRecord,
    tags: dict[str, str],
    hashes: dict[str, str],
) -> LoggedModel:
    """Stores the policy's files, its optimizer's state left out."""
    model = client.create_logged_model(experiment, name, run, tags, record.params, model_type="policy")
    for path in sorted(folder.iterdir()):
        if path.is_file():
            client.log_model_artifact(model.model_id, str(path))
    with tempfile.TemporaryDirectory() as temporary:
        listed = Path(temporary) / "lineage.json"
        write_json(listed, hashes)
        client.log_model_artifact(model.model_id, str(listed))
    return client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
