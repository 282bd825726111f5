"""Commands as children of a process that has their libraries loaded: dvc's take a second of each of its calls.

What runs is dvc's own `main`, with the arguments, folder, environment and streams of a process of its own.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        *("dvc.cachemgr", "dvc.cli.parser", "dvc.daemon", "dvc.data_cloud", "dvc.dirs", "dvc.rwlock"),
        *("dvc._debug", "dvc.utils.strictyaml", "configobj", "dulwich.ignore", "pyparsing"),
        *(
            f"dvc.repo.{name}"
            for name in ("artifacts", "datasets", "graph", "index", "metrics", "open_repo", "params", "plots", "stage")
        ),
        *("dvc_data.index", "dvc_data.hashfile.cache", "dvc_data.hashfile.db.local", "networkx", "ruamel.yaml"),
    ]
)


def dvc(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """What `dvc` with these arguments did and printed; subprocess.TimeoutExpired if it takes more seconds."""
    with tempfile.TemporaryDirectory() as private:
        streams = [Path(private) / name for name in ("stdout", "stderr")]
        child = _SERVER.Process(target=_run_dvc, args=(list(arguments), folder, dict(environment), streams))
        child.start()
        child.join(timeout)
        if child.is_alive():
            child.kill()
            raise subprocess.TimeoutExpired(["dvc", *arguments], timeout or 0)
        texts = [stream.read_text() if stream.exists() else "" for stream in streams]
    return subprocess.CompletedProcess(["dvc", *arguments], child.exitcode, *texts)


def _run_dvc(arguments: list[str], folder: Path, environment: dict[str, str], streams: list[Path]) -> None:
    for number, stream in enumerate(streams, start=1):
        with open(stream, "wb") as file:
            os.dup2(file.fileno(), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    from dvc.cli import main

    sys.exit(main(arguments))
