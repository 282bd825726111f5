"""A resident engine's server in a thread, with an engine that keeps what it is asked for."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from asking import Asked

from mtpipe.owner import OWNER, RESIDENT, SLOT, EngineHome, engine_home
from mtpipe.sampling.resident.client import ResidentEngine
from mtpipe.sampling.resident.server import Server
from mtpipe.sampling.resident.terms import digest, terms_for


class Kept(Asked):
    """It writes down what becomes of it; `stays` is what `rest` answers."""

    def __init__(self, vocabulary):
        super().__init__(vocabulary)
        self.calls: list[str] = []
        self.stays = True

    def start(self, folder: Path) -> None:
        self.calls.append(f"open {folder.name}")

    def load(self, folder: Path) -> None:
        self.calls.append(f"load {folder.name}")

    def turns(self, requests, plan):
        for rollout in self.sample(requests, plan):
            yield [rollout]

    def rest(self) -> bool:
        self.calls.append("rest")
        return self.stays

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def home(tmp_path, monkeypatch) -> Iterator[EngineHome]:
    """A project whose stages belong to this process, and its own folder of sockets.

    The path of a socket has to be a short one.
    """
    monkeypatch.chdir(tmp_path)
    with TemporaryDirectory(prefix="resident") as short:
        monkeypatch.setattr("tempfile.tempdir", short)
        monkeypatch.setenv(OWNER, str(os.getpid()))
        monkeypatch.delenv(RESIDENT, raising=False)
        monkeypatch.delenv(SLOT, raising=False)
        found = engine_home()
        assert found is not None
        yield found


@pytest.fixture
def owned(home) -> Path:
    """The socket of its engine."""
    return home.address(0)


@pytest.fixture
def kept(policy) -> Kept:
    return Kept(policy)


@pytest.fixture
def stages_at_once() -> int:
    return 1


@pytest.fixture
def serve(home, params, policy_folder, stages_at_once):
    """Serves an engine at one of the home's addresses, under the terms of `params` and `policy_folder`."""
    terms = digest(terms_for(policy_folder, params.sampling, params.compute))

    def served(engine: Kept, index: int = 0) -> threading.Thread:
        def opened(folder):
            engine.start(folder)
            return engine

        server = Server(home.address(index), home.owner, terms, opened, stages_at_once)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        while not home.address(index).exists():
            assert thread.is_alive()
        return thread

    return served


@pytest.fixture
def server(serve, kept) -> threading.Thread:
    return serve(kept)


@pytest.fixture
def stage(server, home, params, policy_folder):
    """Gives the engine of a stage that starts now."""
    return lambda: ResidentEngine(policy_folder, params.sampling, params.compute, home)
