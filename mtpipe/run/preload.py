"""The server that `mtpipe.run.launch` forks stages from: a process with torch and transformers loaded.

It belongs to the process that started the first stage (dvc, as a rule) and ends with it, or after ten idle
minutes. It loads third-party libraries only, so an edited stage runs as edited, and computes nothing itself, so a
forked stage gives the results of a fresh process. A child ends when the launcher that asked for it does.
"""

import array
import contextlib
import fcntl
import gc
import json
import os
import socket
import sys
import threading
import time
import traceback
from pathlib import Path

from mtpipe.owner import Process

IDLE_SECONDS = 600.0


def serve(address: Path, owner: Process) -> None:
    """Loads the libraries, then forks a child for each request that comes to the socket at `address`."""
    with open(address.with_suffix(".lock"), "w") as lock, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        address.unlink(missing_ok=True)
        _load_libraries()
        gc.freeze()  # else a child's collections go through all that was loaded, and copy its pages
        listener.bind(str(address))
        listener.listen()
        listener.settimeout(1.0)
        children: set[int] = set()
        last_needed = time.monotonic()
        while children or (owner.is_alive() and time.monotonic() - last_needed < IDLE_SECONDS):
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                children.add(_fork(listener, connection))
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


def _fork(listener: socket.socket, connection: socket.socket) -> int:
    """Returns the child's process id in the server; the child itself never returns."""
    child = os.fork()
    if child:
        connection.close()
        return child
    status = 1
    try:
        listener.close()
        connection.settimeout(None)
        status = _run_request(connection)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        with contextlib.suppress(OSError):
            connection.sendall(bytes([status & 0xFF]))
        os._exit(status & 0xFF)


def _run_request(connection: socket.socket) -> int:
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
    for name in [name for name in sys.modules if name.partition(".")[0] == "mtpipe"]:
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
