"""Whether `model.checkpoint` leads to a checkpoint, before anything is deleted or loaded. Imports no torch."""

import json
import re
from pathlib import Path

from mtpipe.errors import MtpipeError

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")


def check_checkpoint(checkpoint: str | None) -> None:
    """Raises MtpipeError, with the remedy, unless it is null or a folder with configuration, tokenizer and weights."""
    if checkpoint is None:
        return
    folder, key = Path(checkpoint), f"params.yaml: model.checkpoint is {checkpoint!r}"
    if not folder.is_dir():
        remedy = "give the folder of a checkpoint, or null for a new small model"
        if _HUB_ID.fullmatch(checkpoint) and folder.parts[0] != "models":
            target = f"models/{folder.name.lower()}"
            remedy = f"for the hub's, run `hf download {checkpoint} --local-dir {target}` and set it to {target}"
        raise MtpipeError(f"{key}, and that folder does not exist; {remedy}")
    missing = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
    if not list(folder.glob("model*.safetensors")):
        missing.append("model*.safetensors")
    if missing:
        raise MtpipeError(
            f"{key}, a folder without {', '.join(missing)}; give one with a transformers checkpoint in safetensors"
        )
    try:
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MtpipeError(f"{key}, whose config.json is not readable as JSON: {error}") from None
