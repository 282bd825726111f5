"""A policy folder that holds an adapter (LoRA): what is in it, and the base that it belongs to. Imports no torch.

The folder has what every policy's has but for the weights. In their place stand peft's `adapter_config.json` and
`adapter_model.safetensors`, and `base.json`: where the base's weights are, their digest, and whether the adapter
belongs to these weights in 4 bits.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from mtpipe.digests import file_sha256
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json, write_json

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_BASE = "base.json"


def is_adapter(folder: Path) -> bool:
    """Whether a policy folder holds an adapter instead of all weights."""
    return (folder / CONFIG).is_file()


def adapter_rank(folder: Path) -> int:
    """The rank of the adapter in a folder."""
    return int(read_json(folder / CONFIG)["r"])


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
        """The base of the adapter in a folder, whose `base.json` names it relative to that folder."""
        found = read_json(adapter / _BASE)
        folder = Path(os.path.normpath(adapter / found["folder"]))
        return cls(folder, found["sha256"], found.get("quantization"))

    def write(self, adapter: Path) -> None:
        """Writes `base.json` into an adapter's folder."""
        folder = os.path.relpath(self.folder, adapter)
        write_json(adapter / _BASE, {"folder": folder, "sha256": self.sha256, "quantization": self.quantization})

    def check(self, adapter: Path) -> None:
        """Raises MtpipeError if the base is missing, or is another one than the adapter was trained on."""
        if not list(self.folder.glob("model*.safetensors")):
            raise MtpipeError(
                f"{adapter} holds an adapter, and its base {self.folder} has no weights (model*.safetensors); bring "
                f"them back with `dvc checkout`, or run `dvc repro`"
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
