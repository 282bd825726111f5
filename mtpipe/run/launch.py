"""Starts a stage, where possible as a child of a process that has its libraries loaded.

    python -m mtpipe.run.launch rollout --arm token --seed 1 --round 0

does what `python -m stages.rollout --arm token --seed 1 --round 0` does. Importing torch and transformers takes
about six seconds, and the default pipeline needs them some sixty times. So `mtpipe run`, or the first such stage of a
`dvc repro`, or `plan` before it, starts a server that loads them (`mtpipe.run.preload`), and this stage and the next
ones are forked from it. Set `MTPIPE_PRELOAD=0` to do without; without Linux's /proc it is off. Where the server cannot
be reached a stage simply runs in its own process; and so does one that starts vLLM itself, which binds memory and
threads and does not expect to be forked. As a rule vLLM runs in a process beside the stages, which they share
(`mtpipe.sampling.resident`).
"""

import array
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, MutableMapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mtpipe import paths
from mtpipe.alone import holder
from mtpipe.owner import OWNER, engine_home, find_owner, private_folder
from mtpipe.run.logged import run_logged
from mtpipe.run_log import write_line

STAGES_WITH_TORCH = ("warm_start", "rollout", "update", "evaluate", "evaluate_start", "sweep")
STAGE_BEFORE_THEM = "plan"
STAGES_THAT_JOIN = ("start", "verify", "measure", "report", "look")
"""Forked from a server that is there already, for torch where there are adapters, for sympy, for pyarrow and pandas;
loading all of its libraries for them would take longer than the stage."""
_KILLED = 137
_LONGEST_LOADING = 120.0
"""Seconds after which a stage no longer waits for a server."""


def main() -> None:
    """Runs the stage named by the first argument with the other arguments."""
    if len(sys.argv) < 2 or not (Path("stages") / f"{sys.argv[1]}.py").is_file():
        names = ", ".join(sorted(path.stem for path in Path("stages").glob("*.py"))) or "none in this folder"
        sys.exit(f"usage: python -m mtpipe.run.launch STAGE [ARGUMENTS], from the project's root; stages: {names}")
    stage, arguments = sys.argv[1], sys.argv[2:]
    prepare_environment(os.environ)
    if Path("/proc/self/status").is_file():
        os.environ[OWNER] = str(find_owner())
    status = run_in_server(stage, arguments, dict(os.environ), os.getcwd())
    if status is not None:
        sys.exit(status)
    if stage == STAGE_BEFORE_THEM and not _starts_vllm_itself(stage):
        prepare_server(os.environ)
    run_logged(stage, arguments)


def prepare_environment(environment: MutableMapping[str, str]) -> None:
    """Adds what every stage finds in its environment."""
    # Waiting threads that spin cost little alone and make a stage up to twice as long where other work needs the cores.
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    environment.setdefault("MTPIPE_LISTENER", "mtpipe.tracking.live:listener")


def run_in_server(stage: str, arguments: list[str], environment: dict[str, str], folder: str) -> int | None:
    """The exit status of a stage in a child of the server; None where it has to run in a process of its own."""
    if stage not in (*STAGES_WITH_TORCH, *STAGES_THAT_JOIN) or _starts_vllm_itself(stage):
        return None
    status = _run_forked({"stage": stage, "arguments": arguments, "folder": folder, "environment": environment})
    if status == _KILLED:
        write_line(f"{stage} {' '.join(arguments)} was killed")
    return status


def _starts_vllm_itself(stage: str) -> bool:
    return engine_home() is None and _may_start_vllm(stage)


def _may_start_vllm(stage: str) -> bool:
    """Whether the stage's plan leads to vLLM, as far as can be told without torch; the stage reports a bad plan."""
    if find_spec("vllm") is None:
        return False
    with contextlib.suppress(OSError, ValueError, KeyError):
        plan = json.loads(paths.stage_plan(stage).read_text(encoding="utf-8"))
        return plan["settings"]["sampling"]["engine"] != "torch"
    return False


def prepare_server(environment: Mapping[str, str]) -> None:
    """Starts the server of the owner that this environment names, before a stage needs it; returns at once."""
    owner, address = _server(environment)
    if address is not None and not address.exists() and not _is_held(address):
        _start_server(address, owner, environment)


def _server(environment: Mapping[str, str]) -> tuple[int, Path | None]:
    """Whose server a stage may use, and its socket; no socket where it is switched off or cannot be."""
    if environment.get("MTPIPE_PRELOAD") == "0" or OWNER not in environment:
        return 0, None
    owner, folder = int(environment[OWNER]), private_folder()
    return owner, folder / f"{owner}.socket" if folder else None


def _run_forked(request: dict[str, Any]) -> int | None:
    """The exit status of the stage, run in a child of the server; None if there was none to run it."""
    owner, address = _server(os.environ)
    if address is None:
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        if not _reaches(connection, address, owner, request["stage"] in STAGES_WITH_TORCH):
            return None
        body = json.dumps(request).encode()
        streams = array.array("i", [0, 1, 2]).tobytes()
        try:
            connection.sendmsg([len(body).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
            connection.sendall(body)
        except OSError:
            return None
        with contextlib.suppress(OSError):
            if answer := connection.recv(1):
                return answer[0]
    return _KILLED


def _reaches(connection: socket.socket, address: Path, owner: int, waits: bool) -> bool:
    """Connects to the server. With `waits` it starts one that is not there, and waits while it loads its libraries.

    The stage would load the same, beside it.
    """
    with contextlib.suppress(OSError):
        connection.connect(str(address))
        return True
    if not waits:
        return False
    started = None if _is_held(address) else _start_server(address, owner, os.environ)
    latest = time.monotonic() + _LONGEST_LOADING
    while time.monotonic() < latest and ((started and started.poll() is None) or _is_held(address)):
        with contextlib.suppress(OSError):
            connection.connect(str(address))
            return True
        time.sleep(0.05)
    return False


def _is_held(address: Path) -> bool:
    """Whether a server is at work or loading: it holds the lock beside its socket."""
    return holder(address.with_suffix(".lock")) is not None


def _start_server(address: Path, owner: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts a server for the stages of an owner. If another is still loading, this one ends at once."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-m", "mtpipe.run.preload", str(address), str(owner)],
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        env=environment,
        start_new_session=True,
    )


if __name__ == "__main__":
    main()
