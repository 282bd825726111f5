"""A project in a folder, and what its user does there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from builders import ROOT

ARMS = ["arm0", "arm1"]


class Project:
    """A project in a folder, and the commands that its user gives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "DVC_NO_ANALYTICS": "1",
        }

    @property
    def lock(self) -> str:
        return (self.folder / "dvc.lock").read_text()

    def repro(self, *flags: str) -> set[str]:
        """The stages that `dvc repro` runs; those restored from the cache do not count."""
        ended = self._call("dvc", "repro", *flags)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return _ran(ended.stdout)

    def status(self) -> str:
        return self._call("dvc", "status").stdout.strip()

    def run(self, *flags: str, jobs: str | None = "2") -> set[str]:
        """The stages that `python -m mtpipe run` runs."""
        ended = self.try_to_run(*flags, jobs=jobs)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return self.ran()

    def try_to_run(self, *flags: str, jobs: str | None = "2", **environment: str) -> subprocess.CompletedProcess[str]:
        for log in self.folder.glob("data/chains/*/log"):
            log.unlink()
        return self._call(*self.command(*flags, jobs=jobs), **environment)

    def command(self, *flags: str, jobs: str | None = "2") -> list[str]:
        return [sys.executable, "-m", "mtpipe", "run", *(["--jobs", jobs] if jobs else []), *flags]

    def call(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Another command, which has to succeed."""
        ended = self._call(*command, **environment)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended

    def ran(self) -> set[str]:
        """The stages that the last call of `run` ran."""
        return {stage for log in self.folder.glob("data/chains/*/log") for stage in _ran(log.read_text())}

    def _call(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def copy(self, folder: Path) -> "Project":
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)


def _ran(output: str) -> set[str]:
    return set(re.findall(r"^Running stage '([^']+)'", output, re.MULTILINE))


def chain(arm: str, rounds: int = 1, seed: int = 1) -> set[str]:
    """The stages of one chain."""
    of_rounds = {f"{stage}@{arm}-{seed}-round{n}" for stage in ("rollout", "verify", "update") for n in range(rounds)}
    return {f"start@{arm}-{seed}", *of_rounds, f"evaluate@{arm}-{seed}-{rounds}", f"measure@{arm}-{seed}"}


SHARED = {"plan", "prepare", "warm_start", "evaluate_start"}
CLOSING = {"report", "look", "track"}
