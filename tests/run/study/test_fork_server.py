"""The process that parts are forked from, where it ends too early."""

import os
import signal
from pathlib import Path

import pytest

from mtpipe.errors import MtpipeError
from mtpipe.owner import Process
from mtpipe.run.study.fork_server import ForkServer
from mtpipe.run.study.slots import Slot

pytestmark = pytest.mark.slow


def children() -> set[int]:
    """The living processes that this one has started."""
    stats = [place.read_text().rpartition(")")[2].split() for place in Path("/proc").glob("[0-9]*/stat")]
    numbers = [int(place.parent.name) for place in Path("/proc").glob("[0-9]*/stat")]
    return {number for number, fields in zip(numbers, stats, strict=True) if int(fields[1]) == os.getpid()}


def test_a_part_that_cannot_be_forked_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = children()
    with ForkServer() as server:
        [number] = children() - before
        process = Process.of(number)
        os.kill(number, signal.SIGKILL)
        while process.is_alive():
            pass
        with pytest.raises(MtpipeError, match=r"arm0-1 cannot be started: .* takes up the rest"):
            server.start("arm0-1", Slot())
