"""Whether `model.checkpoint` leads to a checkpoint, before anything is deleted or loaded. Imports no torch."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from mtpipe.errors import MtpipeError
from mtpipe.hub import cached, fetch, is_hub_id
from mtpipe.model.adapter_folder import CONFIG, is_adapter


def check_checkpoint(checkpoint: str | None, fetches: bool = False) -> None:
    """Raises MtpipeError, with the remedy, unless it is null or a folder with configuration, tokenizer and weights.

    Of the weights the heads of the files are read, which say whether a file is whole.

    Args:
        fetches: whether a checkpoint of the hub that is not in the cache is brought there; else nothing is said of it.
    """
    if checkpoint is None:
        return
    folder, key = Path(checkpoint), f"params.yaml: model.checkpoint is {checkpoint!r}"
    if is_hub_id(checkpoint):
        found = fetch(checkpoint) if fetches else cached(checkpoint)
        if found is None:
            return
        folder = found
    if not folder.is_dir():
        remedy = "give the folder of a checkpoint, its id on the hub, or null for a new small model"
        raise MtpipeError(f"{key}, and that folder does not exist; {remedy}")
    if is_adapter(folder):
        raise MtpipeError(
            f"{key}, which holds an adapter ({CONFIG}); add it to its base's weights, by `python -m mtpipe export "
            f"--merge` or by peft's merge_and_unload, and give the folder with the result"
        )
    weights = list(folder.glob("model*.safetensors"))
    missing = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
    if missing := missing + ([] if weights else ["model*.safetensors"]):
        raise MtpipeError(
            f"{key}, a folder without {', '.join(missing)}; give one with a transformers checkpoint in safetensors"
        )
    config = _read(folder / "config.json", key)
    if not isinstance(config, dict) or "model_type" not in config:
        raise MtpipeError(f"{key}, whose config.json names no model_type; give one with a transformers checkpoint")
    if quantized := config.get("quantization_config"):
        raise MtpipeError(
            f"{key}, whose weights are quantized (config.json: quantization_config {quantized!r}), and those cannot be "
            f"trained on; give the checkpoint with its weights in full. model.lora.base: nf4 puts them into 4 bits"
        )
    for file in weights:
        try:
            with safe_open(file, "numpy"):
                pass
        except (OSError, SafetensorError) as error:
            raise MtpipeError(
                f"{key}, whose {file.name} is no whole safetensors file: {error}; copy it again"
            ) from None
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            named = set(_read(index, key)["weight_map"].values())
        except (TypeError, KeyError, AttributeError):
            raise MtpipeError(f"{key}, whose {index.name} has no weight_map; copy it again") from None
        if absent := sorted(named - {file.name for file in weights}):
            raise MtpipeError(f"{key}, a folder without {', '.join(absent)}, which {index.name} names; copy it again")


def _read(file: Path, key: str) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MtpipeError(f"{key}, whose {file.name} is not readable as JSON: {error}") from None
