"""CUDA devices by the names that CUDA_VISIBLE_DEVICES gives them; found without torch."""

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
