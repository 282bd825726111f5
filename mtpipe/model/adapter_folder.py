"""A policy folder that holds an adapter (LoRA): what is in it, and the base that it belongs to. Imports no torch.

The folder has what every policy's has but for the weights. In their place stand peft's `adapter_config.json` and
`adapter_model.safetensors`, and `base.json`: where the base's weights are, their digest, and whether the adapter
belongs to these weights in 4 bits.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtpipe.digests import file_sha256
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json, write_json
from mtpipe.settings.model import NF4

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_BASE = "base.json"


def is_adapter(folder: Path) -> bool:
    """Whether a policy folder holds an adapter instead of all weights."""
    return (folder / CONFIG).is_file()


def adapter_config(folder: Path) -> dict[str, Any]:
    """peft's configuration of the adapter in a folder.

    Raises MtpipeError if there is none, or if its rank or alpha are not above 0.
    """
    found = read_json(folder / CONFIG)
    for key, kind in (("r", int), ("lora_alpha", int | float)):
        value = found.get(key) if isinstance(found, dict) else None
        if not isinstance(value, kind) or value <= 0:
            raise MtpipeError(
                f"{folder / CONFIG}: {key} is {value!r}; expected a number above 0; delete {folder} and run `dvc repro`"
            )
    return dict(found)


def adapter_rank(folder: Path) -> int:
    """The rank of the adapter in a folder; raises MtpipeError as `adapter_config` does."""
    return int(adapter_config(folder)["r"])


@dataclass(frozen=True)
class AdapterBase:
    """The checkpoint that an adapter was trained on: its folder, and `weights_digest` of it.

    `quantization` is nf4 if it was trained on these weights in 4 bits (`mtpipe.model.nf4`), else None.
    """

    folder: Path
    sha256: str
    quantization: str | None = None

    @classmethod
    def of(cls, folder: Path, quantization: str | None = None) -> "AdapterBase":
        """The base as it lies in a folder now."""
        return cls(folder, weights_digest(folder), quantization)

    @classmethod
    def read(cls, adapter: Path) -> "AdapterBase":
        """The base of the adapter in a folder, whose `base.json` names it relative to that folder.

        Raises MtpipeError if the file is missing, as in adapters from elsewhere, or does not say so.
        """
        if not (adapter / _BASE).is_file():
            raise MtpipeError(
                f"{adapter} holds an adapter and no {_BASE}, which says what it was trained on: `dvc repro` makes its "
                f"own ones; one from elsewhere becomes model.checkpoint, after peft's merge_and_unload"
            )
        match read_json(adapter / _BASE):
            case {"folder": str(folder), "sha256": str(digest), "quantization": None | "nf4" as quantization}:
                return cls(Path(os.path.normpath(adapter / folder)), digest, quantization)
            case found:
                raise MtpipeError(
                    f"{adapter / _BASE} has {found!r}; expected folder, sha256, and quantization null or {NF4}; delete "
                    f"{adapter} and run `dvc repro`"
                )

    def write(self, adapter: Path) -> None:
        """Writes `base.json` into an adapter's folder."""
        folder = os.path.relpath(self.folder, adapter)
        write_json(adapter / _BASE, {"folder": folder, "sha256": self.sha256, "quantization": self.quantization})

    def check(self, adapter: Path) -> None:
        """Raises MtpipeError if the base is missing, or is another one than the adapter was trained on."""
        if absent := [name for name in ("config.json", "model*.safetensors") if not list(self.folder.glob(name))]:
            raise MtpipeError(
                f"{adapter} holds an adapter, and its base {self.folder} has no weights or no configuration "
                f"({', '.join(absent)} missing); bring them back with `dvc checkout`, or run `dvc repro`"
            )
        found = weights_digest(self.folder)
        if found != self.sha256:
            raise MtpipeError(
                f"{adapter} holds an adapter of another base: {self.folder} has the digest {found[:12]}, and "
                f"{adapter / _BASE} says {self.sha256[:12]}. The base changed after the adapter was trained, or the "
                f"adapter is of another study; run `dvc repro`, or bring the base back with `dvc checkout`"
            )


def weights_digest(folder: Path) -> str:
    """SHA-256 of a checkpoint's configuration and weights, by their names and contents."""
    digest = hashlib.sha256()
    for file in sorted([folder / "config.json", *folder.glob("model*.safetensors")]):
        digest.update(f"{file.name} {file_sha256(file)}\n".encode())
    return digest.hexdigest()
