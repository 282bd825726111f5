"""A stage that needs torch waits for a server that is loading it, instead of loading it beside."""

import fcntl
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from mtpipe.commands import run
from mtpipe.run import launch, preload
from mtpipe.run.launch import prepare_server, run_in_server
from mtpipe.run.study import fork_server

ANSWER = 7


@pytest.fixture
def place(monkeypatch) -> Iterator[Path]:
    """Where the server's socket and lock are; the path of a socket has to be short."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setenv("MTPIPE_OWNER", str(os.getpid()))
    monkeypatch.delenv("MTPIPE_PRELOAD", raising=False)
    monkeypatch.setattr(launch, "private_folder", lambda: folder)
    yield folder / f"{os.getpid()}.socket"
    shutil.rmtree(folder)


@pytest.fixture
def starts(monkeypatch) -> list[list[str]]:
    """The servers that are started: processes that end at once."""
    commands = []

    class Ended:
        def __init__(self, command, **_):
            commands.append(command)

        def poll(self) -> int:
            return 0

    monkeypatch.setattr(launch.subprocess, "Popen", Ended)
    return commands


def loading(address: Path, seconds: float, answers: bool) -> threading.Thread:
    """Takes the lock as a server does, and after a while answers one request, or ends."""
    lock = open(address.with_suffix(".lock"), "w")  # noqa: SIM115
    fcntl.flock(lock, fcntl.LOCK_EX)

    def serve() -> None:
        time.sleep(seconds)
        if answers:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
                listener.bind(str(address))
                listener.listen()
                connection, _ = listener.accept()
                with connection, connection.makefile("rb") as reader:
                    reader.read(int.from_bytes(reader.read(8), "big"))
                    connection.sendall(bytes([ANSWER]))
        lock.close()

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def ask(stage: str = "rollout") -> int | None:
    return run_in_server(stage, [], {}, "/")


def test_a_stage_waits_for_a_server_that_is_loading_and_starts_no_other(place, starts):
    server = loading(place, seconds=0.4, answers=True)
    assert ask() == ANSWER
    server.join()
    assert not starts


def test_it_runs_by_itself_if_the_loading_ends_without_a_server(place, starts):
    server = loading(place, seconds=0.4, answers=False)
    assert ask() is None
    server.join()
    assert not starts


def test_without_a_server_it_starts_one_and_runs_by_itself_if_that_ends(place, starts):
    assert ask() is None
    [command] = starts
    assert command[-3:] == ["mtpipe.run.preload", str(place), str(os.getpid())]


def test_a_stage_without_torch_does_not_wait(place, starts):
    server = loading(place, seconds=0.4, answers=False)
    began = time.monotonic()
    assert ask("verify") is None
    assert server.is_alive(), f"it came back after {time.monotonic() - began:.1f} s"
    server.join()
    assert not starts


def test_the_command_for_a_study_starts_a_server_before_its_first_stage(place, starts, monkeypatch):
    monkeypatch.setattr(fork_server, "ForkServer", lambda: nullcontext(SimpleNamespace(start="starts parts")))
    monkeypatch.delenv("MTPIPE_OWNER")
    assert run.local_start(ExitStack()) == "starts parts"
    [command] = starts
    assert command[-3:] == ["mtpipe.run.preload", str(place), str(os.getpid())]


def test_none_is_started_beside_one_that_is_loading_or_where_that_is_switched_off(place, starts):
    prepare_server({"MTPIPE_OWNER": str(os.getpid()), "MTPIPE_PRELOAD": "0"})
    server = loading(place, seconds=0.2, answers=False)
    prepare_server({"MTPIPE_OWNER": str(os.getpid())})
    server.join()
    assert not starts


def test_a_server_gets_the_lock_that_a_stage_looked_at(place, monkeypatch):
    """It would end otherwise, as if there were another one."""
    loaded = []
    monkeypatch.setattr(preload, "_load_libraries", lambda: loaded.append(1) or 1 / 0)
    looking = open(place.with_suffix(".lock"), "w")  # noqa: SIM115
    fcntl.flock(looking, fcntl.LOCK_SH)
    threading.Timer(0.05, looking.close).start()
    with pytest.raises(ZeroDivisionError):
        preload.serve(place, preload.Process.current())
    assert loaded
