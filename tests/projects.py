"""Projects in folders of their own, in which real DVC runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import forked
from builders import ROOT, write_params

from mtpipe.owner import OWNER

ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
ENVIRONMENT[OWNER] = str(os.getpid())  # all that runs here forks its stages from one server, which takes long to start
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled modules beside the sources must not count as edits
PUBLISHING = {"report", "look", "track"}
"""The stages that run whenever a result has changed."""
TRAINED = ("measure", "evaluate_start")
"""What `dvc repro` makes with these targets is all but what publishes, and sweeps."""

SMALL = {
    "arms": ["uniform", "token"],
    "rounds": 2,
    "temperature": {
        "uniform": {"schedule": {"kind": "constant", "value": 1.0}},
        "token": {
            "schedule": {"kind": "piecewise", "points": [[0, 1.0], [1, 1.0], [2, 1.0]]},
            "token": {
                "kind": "entropy_threshold",
                "low": 1.0,
                "high": 1.5,
                "threshold": {"quantile": 0.7},
                "moves": "high",
            },
        },
        "hot": {"schedule": {"kind": "constant", "value": 1.3}},
    },
    "task": {"warm_start_problems": 200, "train_problems": 64, "benchmark_problems": 10},
    "model": {"hidden_size": 16, "layers": 1, "heads": 2},
    "warm_start": {"steps": 30, "batch_size": 16, "calibration_responses": 16},
    "sampling": {"prompts": 16, "group_size": 4, "max_new_tokens": 12},
    "update.prompts_per_step": 8,
    "evaluate": {"samples": 2, "max_new_tokens": 12},
    "report.resamples": 200,
    "tracking.live": False,
}
"""What makes the shipped study a matter of seconds."""


def make_project(folder: Path) -> Path:
    """A copy of the project's files, as a fresh clone, with a small params.yaml."""
    folder.mkdir()
    for name in ("mtpipe", "stages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("inputs", "plugins"):
        (folder / name).mkdir()
        shutil.copy(ROOT / name / "README.md", folder / name)
    for name in ("dvc.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    (folder / ".dvc").mkdir()
    for name in ("config", ".gitignore", "plots.html"):
        shutil.copy(ROOT / ".dvc" / name, folder / ".dvc" / name)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    write_params(SMALL, folder / "params.yaml")
    return folder


def dvc(project: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A dvc command that has ended; with `check` it has to succeed."""
    ended = forked.dvc(arguments, project, ENVIRONMENT)
    assert not (check and ended.returncode), ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended


def repro(project: Path, *arguments: str) -> set[str]:
    """Runs `dvc repro` with targets or flags and returns the stages that ran; those from the cache do not count."""
    return set(re.findall(r"Running stage '([^']+)'", dvc(project, "repro", *arguments).stdout))
