"""A project in a folder, and what its user does there."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import forked
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
            "MTPIPE_PRELOAD": "0",  # these stages import nothing
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
        whole = {**self.environment, **environment}
        if command[0] == "dvc":
            return forked.dvc(command[1:], self.folder, whole, timeout=600)
        return subprocess.run(
            command, cwd=self.folder, env=whole, capture_output=True, text=True, check=False, timeout=600
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


def start(project, **environment):
    """The run, which hears Ctrl-C also where these tests run in the background of a shell that ignores it."""
    return subprocess.Popen(
        project.command(),
        cwd=project.folder,
        env={**project.environment, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def kill(project, started: subprocess.Popen) -> None:
    """Kills a run alone, and waits for its chains to end and to be collected."""
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    deadline = time.monotonic() + 30
    while commands_at_work(project) or claiming(project):
        assert time.monotonic() < deadline, "the chains outlive the run that started them"
        time.sleep(0.05)


def claiming(project) -> list[str]:
    """Processes that DVC takes for ones at work."""
    claims = project.folder / ".dvc" / "tmp" / "rwlock"
    found = re.findall(r'"pid": (\d+)', claims.read_text() if claims.is_file() else "")
    return [process for process in found if os.path.exists(f"/proc/{process}")]


def wait_for(project, stage: str, started: subprocess.Popen) -> None:
    """Until the stage is about to run."""
    part = "-".join(stage.partition("@")[2].split("-")[:2]) or ("closing" if stage in CLOSING else "shared")
    log = project.folder / "data" / "chains" / part / "log"
    deadline = time.monotonic() + 300
    while not (log.is_file() and f"Running stage '{stage}'" in log.read_text()):
        assert started.poll() is None, started.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def commands_at_work(project) -> list[str]:
    """Commands of this project's stages that still run."""
    found = []
    for process in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if process.isdecimal() and os.readlink(f"/proc/{process}/cwd") == str(project.folder):
                found.append(process)
    return found
