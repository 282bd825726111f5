"""What goes wrong beside the engine: disk, log, the start of a server, other users, what a killed one leaves."""

import errno
import os
import subprocess
import sys
import time

import pytest
from talking import PLAN, REQUESTS, hello, raw, refuse

from mtpipe.errors import MtpipeError
from mtpipe.owner import Process
from mtpipe.sampling.resident import reaching
from mtpipe.sampling.resident.client import ResidentEngine
from mtpipe.sampling.resident.frames import Message, receive, send
from mtpipe.sampling.resident.terms import digest, terms_for


class FullDisk:
    """A stream that nothing can be written to."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        self.write("")


def test_a_full_disk_while_an_engine_loads_is_told_as_such(stage, server, kept, monkeypatch, policy_folder):
    """The engine's OSError is not taken for the end of the connection: half-loaded weights serve nobody."""

    def full(folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    engine = stage()
    os.utime(policy_folder / "config.json")
    monkeypatch.setattr(kept, "load", full)
    with pytest.raises(MtpipeError, match=r"failed and ended \(OSError: .* No space left on device\)"):
        engine.load(policy_folder)
    server.join(10)
    assert not server.is_alive()


def test_an_engine_that_does_not_start_ends_its_server_with_what_it_has_taken(stage, server, kept, monkeypatch):
    monkeypatch.setattr(kept, "start", refuse)
    with pytest.raises(MtpipeError, match=r"^the prompt is too long$"):
        stage()
    server.join(10)
    assert not server.is_alive()


def test_a_policy_that_is_gone_is_refused_and_the_engine_goes_on(stage, owned, params, policy_folder):
    stage().close()
    good = hello(terms=digest(terms_for(policy_folder, params.sampling, params.compute)))
    for folder in ("/no such folder", "a\0b"):
        with raw(owned) as connection:
            send(connection, good)
            assert receive(connection, 5).kind == "welcome"
            send(connection, Message("load", {"folder": folder}))
            assert receive(connection, 5).kind == "refused"
    assert len(list(stage().sample(REQUESTS, PLAN))) == len(REQUESTS)


def test_a_log_that_cannot_be_written_ends_nothing(stage, owned, monkeypatch, params, policy_folder):
    stage().close()
    monkeypatch.setattr("sys.stderr", FullDisk())
    with raw(owned) as connection:
        connection.sendall(b"mtp1 is not all of it")
    assert len(list(stage().sample(REQUESTS, PLAN))) == len(REQUESTS)


def test_words_that_no_log_can_hold_end_nothing(stage, owned, params, policy_folder):
    """A lone surrogate is JSON and no text of any encoding."""
    stage().close()
    good = hello(terms=digest(terms_for(policy_folder, params.sampling, params.compute)))
    with raw(owned) as connection:
        send(connection, good)
        assert receive(connection, 5).kind == "welcome"
        send(connection, Message("sample", {"plan": {}, "rules": [{"kind": "uniform", "\ud800": 1}]}))
        assert receive(connection, 5) is None
    assert len(list(stage().sample(REQUESTS, PLAN))) == len(REQUESTS)


def test_a_process_of_another_user_is_neither_asked_nor_answered(stage, owned, monkeypatch):
    stage().close()
    with monkeypatch.context() as patched:
        patched.setattr("mtpipe.sampling.resident.server.peer", lambda connection: (1, os.getuid() + 1))
        with raw(owned) as connection:
            assert receive(connection, 3) is None, "it waits for no hello"
    with monkeypatch.context() as patched:
        patched.setattr(reaching, "peer", lambda connection: (1, os.getuid() + 1))
        patched.setattr(reaching, "SECONDS_TO_ANSWER", 0.2)
        with pytest.raises(MtpipeError, match=r"no sampling engine answers at .*0\.engine.*MTPIPE_RESIDENT=0"):
            stage()
    assert len(list(stage().sample(REQUESTS, PLAN))) == len(REQUESTS)


def test_a_server_that_ends_as_it_starts_is_not_started_again_and_again(home, params, policy_folder, monkeypatch):
    monkeypatch.setattr(reaching, "SERVER", "no_such_module")
    with pytest.raises(MtpipeError, match=r"ended as it started; data/engines/0\.log says why"):
        ResidentEngine(policy_folder, params.sampling, params.compute, home)
    assert "no_such_module" in home.log(0).read_text()


def test_a_log_that_cannot_be_opened_is_named(home, params, policy_folder, monkeypatch, tmp_path):
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(MtpipeError, match=r"writes to data/engines/0\.log cannot be started"):
        ResidentEngine(policy_folder, params.sampling, params.compute, home)


def test_the_workers_of_a_killed_server_are_ended_before_another_one_starts(home):
    """They hold a device's memory, and end after it, if they notice at all."""
    server = subprocess.Popen(
        [sys.executable, "-c", "import subprocess; subprocess.Popen(['sleep', '60']).wait()"], start_new_session=True
    )
    killed = Process.of(server.pid)
    while len(killed.session()) < 2:
        time.sleep(0.01)
    server.kill()
    server.wait()
    assert len(killed.session()) == 1
    home.address(0).with_suffix(".lock").write_text(str(killed))
    assert reaching.is_free(home.address(0))
    assert not killed.session()
