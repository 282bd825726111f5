"""The server that `mtpipe.run.launch` forks stages from: a process with torch and transformers loaded.

It belongs to the process that started the first stage (dvc, as a rule) and ends with it, or after ten idle
minutes. It also loads what the stages import of mtpipe, and a child whose project has changed since then loads that
anew, so an edited stage runs as edited. It computes nothing itself, so a forked stage gives the results of a fresh
process. A child ends when the launcher that asked for it does.
"""

import array
import ast
import contextlib
import gc
import json
import os
import socket
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from mtpipe.alone import take
from mtpipe.owner import Process

IDLE_SECONDS = 600.0
PACKAGE = "mtpipe"


def serve(address: Path, owner: Process) -> None:
    """Loads the libraries, then forks a child for each request that comes to the socket at `address`."""
    with open(address.with_suffix(".lock"), "w") as lock, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        if not take(lock):
            return
        address.unlink(missing_ok=True)
        _load_libraries()
        code = ProjectCode.load()
        gc.freeze()  # else a child's collections go through all that was loaded, and copy its pages
        listener.bind(str(address))
        listener.listen()
        listener.settimeout(1.0)
        children: set[int] = set()
        last_needed = time.monotonic()
        while children or (owner.is_alive() and time.monotonic() - last_needed < IDLE_SECONDS):
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                children.add(_fork(listener, connection, code))
            if children:
                last_needed = time.monotonic()
                children = {child for child in children if os.waitpid(child, os.WNOHANG) == (0, 0)}
        address.unlink(missing_ok=True)
        Path(lock.name).unlink(missing_ok=True)


def _load_libraries() -> None:
    import pyarrow.parquet  # noqa: F401
    import sympy  # noqa: F401
    import torch.distributed.fsdp  # noqa: F401
    import transformers.models.qwen2.modeling_qwen2  # noqa: F401
    from pydantic import create_model
    from transformers import AutoModelForCausalLM  # noqa: F401
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    create_model("First", number=(float, 0.0))  # makes pydantic look for plugins in all that is installed
    get_checkpoint_conversion_mapping("qwen2")  # compiles the patterns of all models


@dataclass(frozen=True)
class ProjectCode:
    """The modules of mtpipe that are loaded, and their files as they were before.

    Attributes:
        folder: the project's.
        seen: of each file its time of change in nanoseconds and its size.
    """

    folder: str
    seen: dict[str, tuple[int, int]]

    @classmethod
    def load(cls) -> "ProjectCode":
        """Imports what the stages of the project in the working directory import of mtpipe."""
        begun = time.time_ns()
        with contextlib.suppress(Exception):  # code that cannot be read or imported is the stage's to report
            for script in Path("stages").glob("*.py"):
                for node in ast.parse(script.read_bytes()).body:
                    if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE:
                        import_module(str(node.module))
        files = [module.__file__ for name, module in sys.modules.items() if _is_own(name) and module.__file__]
        found = {file: seen(file) for file in files}
        # A file that was edited in the meantime may have been read before that.
        return cls(os.getcwd(), {file: at if at[0] < begun else (0, 0) for file, at in found.items()})

    def is_present(self, folder: str) -> bool:
        """Whether a stage in this folder would load the same."""
        return folder == self.folder and all(seen(file) == before for file, before in self.seen.items())


def seen(file: str) -> tuple[int, int]:
    """Its time of change in nanoseconds and its size in bytes; a size of -1 if it is not there."""
    try:
        found = os.stat(file)
    except OSError:
        return 0, -1
    return found.st_mtime_ns, found.st_size


def _is_own(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE


def _fork(listener: socket.socket, connection: socket.socket, code: ProjectCode) -> int:
    """Returns the child's process id in the server; the child itself never returns."""
    child = os.fork()
    if child:
        connection.close()
        return child
    status = 1
    try:
        listener.close()
        connection.settimeout(None)
        status = _run_request(connection, code)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        with contextlib.suppress(OSError):
            connection.sendall(bytes([status & 0xFF]))
        os._exit(status & 0xFF)


def _run_request(connection: socket.socket, code: ProjectCode) -> int:
    """Takes over the launcher's streams, folder and environment, runs the stage, and returns its exit status."""
    size, ancillary, _, _ = connection.recvmsg(8, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    streams = array.array("i")
    streams.frombytes(ancillary[0][2])
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    with connection.makefile("rb") as reader:
        request = json.loads(reader.read(int.from_bytes(size, "big")))
    threading.Thread(target=_end_with_launcher, args=(connection,), daemon=True).start()

    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path.insert(0, request["folder"])
    if not code.is_present(request["folder"]):
        for name in [name for name in sys.modules if _is_own(name)]:
            del sys.modules[name]
    from mtpipe.run.logged import run_logged  # the project's, as it is now

    try:
        run_logged(request["stage"], request["arguments"])
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _end_with_launcher(connection: socket.socket) -> None:
    """Waits for the launcher to go, and ends this child at once."""
    with contextlib.suppress(OSError):
        connection.recv(1)
    os._exit(137)


if __name__ == "__main__":
    if owner := Process.of(int(sys.argv[2])):
        serve(Path(sys.argv[1]), owner)
