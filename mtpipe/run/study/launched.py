"""Runs a stage's command without the process that DVC would start for it.

Such a process is a Python that asks the server (`mtpipe.run.preload`) for a child with the stage, and waits. The
process that runs a chain can ask as well. Starting Python took as much time as all of DVC's own work on the stage.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dvc.stage.run
from dvc.stage.exceptions import StageCmdFailedError

from mtpipe.run.launch import prepare_environment, run_in_server

_LAUNCH = re.compile(r"python -m mtpipe\.run\.launch ([\w.-]+(?: [\w.-]+)*)")
"""A command that means the same with and without a shell."""


@contextmanager
def without_launchers() -> Iterator[None]:
    """Meanwhile DVC's commands that launch a stage run in a child of the server, where it has one."""
    own = dvc.stage.run._run

    def run(executable: str | None, cmd: str, **options: Any) -> None:
        status = _status(cmd, options)
        if status is None:
            own(executable, cmd, **options)
        elif status:
            raise StageCmdFailedError(cmd, status)

    dvc.stage.run._run = run
    try:
        yield
    finally:
        dvc.stage.run._run = own


def _status(cmd: str, options: dict[str, Any]) -> int | None:
    if (found := _LAUNCH.fullmatch(cmd)) is None:
        return None
    stage, *arguments = found[1].split(" ")
    environment = dict(options["env"])
    prepare_environment(environment)
    return run_in_server(stage, arguments, environment, str(options["cwd"]))
