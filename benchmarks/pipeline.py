"""The default pipeline in a fresh copy: its seconds, its memory, and what a second `dvc repro` costs beside it.

Takes as long as the pipeline does. Seconds are this machine's; the ratios compare within the run: a second
`dvc repro` with the first, and the first with the time that its stages spent working.
"""

import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path


def main() -> None:
    with tempfile.TemporaryDirectory() as parent:
        clone = Path(parent) / "clone"
        subprocess.run(["git", "clone", "-q", os.getcwd(), str(clone)], check=True)
        shutil.copy("params.yaml", clone / "params.yaml")
        first = _repro(clone)
        again = _repro(clone)
        clocks = [json.loads(file.read_text())["seconds"] for file in (clone / "data" / "clock").glob("*.json")]
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
        print(f"dvc repro, {len(clocks)} stages: {first:.0f} s, of which stages worked {sum(clocks):.0f} s", end=" ")
        print(f"(ratio {first / sum(clocks):.2f}); largest process {peak:.2f} GiB")
        print(f"dvc repro with nothing to do: {again:.1f} s (ratio to the first {again / first:.3f})")


def _repro(folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run(["dvc", "repro", "-q"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
