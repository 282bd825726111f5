"""Which CUDA devices this process sees, and whether it is one of several that compute together; without torch."""

import os
import re
import shutil
import subprocess

DEVICES = "CUDA_VISIBLE_DEVICES"


def visible_devices() -> list[str]:
    """The CUDA devices that this process sees."""
    if os.environ.get(DEVICES) is not None:
        return [device for device in os.environ[DEVICES].split(",") if device not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return re.findall(r"^GPU (\d+):", listed.stdout, re.MULTILINE) if listed.returncode == 0 else []


def is_rank() -> bool:
    """Whether torchrun has started this process as one of a stage's, which holds the locks for all of them."""
    return "TORCHELASTIC_RUN_ID" in os.environ
