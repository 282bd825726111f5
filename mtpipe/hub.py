"""A checkpoint by its id on the Hugging Face hub: `model.checkpoint: ORG/NAME`, or `ORG/NAME@REVISION`.

It lies where every program that uses the hub keeps it, in the cache that HF_HOME names. The stage `plan` brings it
there if it is not, and tells the other stages the commit, which they find without the network.
"""

import re
from pathlib import Path

from mtpipe.errors import MtpipeError

_ID = re.compile(r"(?P<name>[\w-][\w.-]*/[\w.-]+)(?:@(?P<revision>[\w.-]+))?")
_FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
"""No code and no pickles."""


def is_hub_id(checkpoint: str) -> bool:
    """Whether it can be the id of a checkpoint on the hub: not a folder that is there, and none of models/."""
    return bool(_ID.fullmatch(checkpoint)) and not checkpoint.startswith("models/") and not Path(checkpoint).is_dir()


def checkpoint_folder(checkpoint: str) -> Path:
    """The folder of a checkpoint, with a hub's in the cache.

    Raises MtpipeError if a hub's is not in the cache.
    """
    if not is_hub_id(checkpoint):
        return Path(checkpoint)
    folder = cached(checkpoint)
    if folder is None:
        raise MtpipeError(
            f"params.yaml: model.checkpoint is {checkpoint!r}, and neither is there such a folder nor is that "
            f"checkpoint of the hub in the cache; `dvc repro plan` brings it"
        )
    return folder


def cached(checkpoint: str) -> Path | None:
    """Where the cache has a checkpoint of the hub, complete; None if it has not."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return _snapshot(checkpoint, local_files_only=True)
    except LocalEntryNotFoundError:
        return None


def fetch(checkpoint: str) -> Path:
    """Brings a checkpoint of the hub into the cache if it is not there, and returns its folder, named by its commit.

    Raises MtpipeError, with the remedy, if it cannot be had.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if folder := cached(checkpoint):
        return folder
    key = f"params.yaml: model.checkpoint is {checkpoint!r}, and that folder does not exist"
    print(f"{checkpoint} comes from the hub", flush=True)
    try:
        return _snapshot(checkpoint, local_files_only=False)
    except GatedRepoError as error:
        reason = f"on the hub it is gated: accept its terms there, then `hf auth login` ({_short(error)})"
    except RevisionNotFoundError as error:
        reason = f"the hub's has no such revision ({_short(error)})"
    except RepositoryNotFoundError as error:
        reason = f"the hub has none of this name that you may read: check it, or `hf auth login` ({_short(error)})"
    except (LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = f"the hub cannot be reached: give the folder of a checkpoint, or run again ({_short(error)})"
    raise MtpipeError(f"{key}; {reason}") from None


def pinned(checkpoint: str | None) -> str | None:
    """A hub's checkpoint with the commit that the cache has of it; any other as it is."""
    if checkpoint is None or not is_hub_id(checkpoint):
        return checkpoint
    return f"{checkpoint.partition('@')[0]}@{checkpoint_folder(checkpoint).name}"


def hub_revision(checkpoint: str) -> str | None:
    """The hub's commit of a checkpoint: in the cache, or as `hf download --local-dir` has noted it in a folder."""
    if is_hub_id(checkpoint):
        folder = cached(checkpoint)
        return folder.name if folder else None
    noted = Path(checkpoint) / ".cache" / "huggingface" / "download" / "config.json.metadata"
    found = noted.read_text(encoding="utf-8").partition("\n")[0] if noted.is_file() else ""
    return found if re.fullmatch(r"[0-9a-f]{40}", found) else None


def _snapshot(checkpoint: str, local_files_only: bool) -> Path:
    from huggingface_hub import snapshot_download

    found = _ID.fullmatch(checkpoint)
    assert found is not None
    return Path(
        snapshot_download(
            found["name"],
            revision=found["revision"],
            allow_patterns=_FILES,
            local_files_only=local_files_only,
        )
    )


def _short(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
