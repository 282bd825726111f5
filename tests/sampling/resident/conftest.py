"""A resident engine's server in a thread, with an engine that keeps what it is asked for."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from asking import Asked

from mtpipe.owner import OWNER, RESIDENT, SLOT, Process, engine_socket
from mtpipe.sampling.resident.client import ResidentEngine
from mtpipe.sampling.resident.server import Server
from mtpipe.sampling.resident.terms import digest, terms_for


class Kept(Asked):
    """It writes down what becomes of it; `stays` is what `rest` answers."""

    def __init__(self, vocabulary):
        super().__init__(vocabulary)
        self.calls: list[str] = []
        self.stays = True

    def load(self, folder: Path) -> None:
        self.calls.append(f"load {folder.name}")

    def rest(self) -> bool:
        self.calls.append("rest")
        return self.stays

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def owned(tmp_path, monkeypatch) -> Iterator[Path]:
    """A project whose stages belong to this process, and its own folder of sockets; gives the engine's socket.

    The path of a socket has to be a short one.
    """
    monkeypatch.chdir(tmp_path)
    with TemporaryDirectory(prefix="resident") as short:
        monkeypatch.setattr("tempfile.tempdir", short)
        yield _socket_of_this_process(monkeypatch)


def _socket_of_this_process(monkeypatch) -> Path:
    monkeypatch.setenv(OWNER, str(os.getpid()))
    monkeypatch.delenv(RESIDENT, raising=False)
    monkeypatch.delenv(SLOT, raising=False)
    address = engine_socket()
    assert address is not None
    return address


@pytest.fixture
def kept(policy) -> Kept:
    return Kept(policy)


@pytest.fixture
def server(owned, kept, params, policy_folder):
    """Serves under the terms of `params` and `policy_folder`."""
    owner = Process.of(os.getpid())
    terms = digest(terms_for(policy_folder, params.sampling, params.compute))

    def opened(folder):
        kept.calls.append(f"open {folder.name}")
        return kept

    thread = threading.Thread(target=Server(owned, owner, terms, opened).serve, daemon=True)
    thread.start()
    while not owned.exists():
        assert thread.is_alive()
    return thread


@pytest.fixture
def stage(server, owned, params, policy_folder):
    """Gives the engine of a stage that starts now."""
    return lambda: ResidentEngine(policy_folder, params.sampling, params.compute, owned)
