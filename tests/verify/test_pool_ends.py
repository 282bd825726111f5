"""How judging processes end, by the clock or by themselves, and that the answer behind theirs is judged."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from builders import ROOT
from judging_processes import EQUAL, UNEQUAL, children_of, judges

from mtpipe.verify.pool import Pool
from mtpipe.verify.values.messages import encode

pytestmark = pytest.mark.slow


def test_the_limit_is_of_cpu_time_and_a_judge_that_does_nothing_is_ended_by_the_clock(monkeypatch):
    """The next judge drops the request that the ended one has not read, and judges the answer behind it."""
    monkeypatch.setattr("mtpipe.verify.pool.WALL_SECONDS_PER_CPU_SECOND", 0.2)
    with Pool(processes=1, seconds=10.0) as pool:
        assert dict(pool.judge([EQUAL])) == {0: "correct"}
        os.kill(judges(pool)[0], signal.SIGSTOP)
        assert dict(pool.judge([EQUAL, UNEQUAL, EQUAL])) == {0: "timeout", 1: "wrong", 2: "correct"}


@pytest.mark.parametrize("cut", [0, 20])
def test_a_judge_that_follows_an_ended_one_judges_no_answer_of_its(cut):
    """The protocol by hand: a request that nobody has read, the signal to end the judge, and the next request.

    Cut, the last bytes of the first request are still on their way when the judge ends.
    """
    worker = subprocess.Popen(
        [sys.executable, "-m", "mtpipe.verify.worker", str(1 << 30)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        messages = (json.loads(line) for line in worker.stdout if line.strip())
        assert next(messages) == {"ready": True}
        [judge] = children_of(worker.pid)
        os.kill(judge, signal.SIGSTOP)
        first = request(1)
        os.write(worker.stdin.fileno(), first[: len(first) - cut])
        worker.send_signal(signal.SIGUSR1)
        assert next(messages) == {"killed": True}
        assert next(messages) == {"ready": True}
        os.write(worker.stdin.fileno(), first[len(first) - cut :])
        time.sleep(0.2)  # the judge reads what there is
        os.write(worker.stdin.fileno(), request(2))
        assert next(messages).get("id") == 2
    finally:
        worker.terminate()
        worker.communicate()


def test_a_nursery_that_nobody_listens_to_ends():
    worker = subprocess.Popen(
        [sys.executable, "-m", "mtpipe.verify.worker", str(1 << 30)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        worker.stdout.close()
        worker.stdin.close()
        assert worker.wait(60) in (0, 40)
    finally:
        worker.kill()


def request(number: int) -> bytes:
    message = {"id": number, "seconds": 5.0, "pairs": encode(EQUAL.pairs), "rules": {}}
    return json.dumps(message).encode() + b"\n"


LATE = """
import json, os, select, signal, time
asked = []
signal.signal(signal.SIGUSR1, lambda *_: asked.append(1))
say = lambda **message: os.write(1, json.dumps(message).encode() + b"\\n")
say(ready=True)
while not asked:
    time.sleep(0.01)
say(overran=True)
say(ready=True)
time.sleep(0.3)
while select.select([0], [], [], 0)[0]:
    os.read(0, 65536)
say(killed=True)
say(ready=True)
for line in open(0):
    say(id=json.loads(line)["id"], verdict="correct", stays=True)
"""
"""A nursery whose judge ends by itself as the signal is sent, which then ends the next one."""


def test_a_signal_that_comes_late_costs_no_answer(monkeypatch, tmp_path):
    nursery = tmp_path / "nursery"
    nursery.write_text(f"#!{sys.executable}\n{LATE}")
    nursery.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(nursery))
    with Pool(processes=1, seconds=0.1) as pool:
        assert list(pool.judge([EQUAL, EQUAL])) == [(0, "timeout"), (1, "correct")]
