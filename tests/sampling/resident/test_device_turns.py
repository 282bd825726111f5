"""Stages of several chains on one device: those that sample do so together, and an update has it to itself."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from builders import PYTHONPATH
from talking import PLAN, REQUESTS

from mtpipe.sampling.resident.client import ResidentEngine
from mtpipe.sampling.resident.device_turns import device_alone, sampling_turn
from mtpipe.sampling.resident.reaching import give_back_device
from stages import update

pytestmark = pytest.mark.slow

HOLDER = """
from mtpipe.owner import engine_home
from mtpipe.sampling.resident.device_turns import device_alone, sampling_turn
with {turn}:
    print("mine", flush=True)
    input()
"""


@pytest.fixture
def stages_at_once() -> int:
    return 4


def begin(target) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def waits(thread: threading.Thread) -> bool:
    thread.join(0.4)
    return thread.is_alive()


def ends(thread: threading.Thread) -> bool:
    thread.join(20)
    return not thread.is_alive()


def take(turn) -> None:
    with turn:
        pass


def holder(home, turn: str) -> subprocess.Popen[bytes]:
    """A process that takes a turn, says so, and keeps it."""
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "TMPDIR": str(home.folder.parent)}
    program = [sys.executable, "-c", HOLDER.format(turn=turn)]
    return subprocess.Popen(program, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_those_that_sample_do_so_together_and_who_wants_the_device_alone_waits_for_all(home):
    with sampling_turn(home):
        with sampling_turn(home):
            alone = begin(lambda: take(device_alone()))
            assert waits(alone)
        assert waits(alone)
    assert ends(alone)


def test_who_comes_to_sample_waits_for_an_update_that_waits_itself(home):
    """So the updates of chains follow one another, and the chains sample together again."""
    first = sampling_turn(home)
    first.__enter__()
    alone = begin(lambda: take(device_alone()))
    assert waits(alone)
    later = begin(lambda: take(sampling_turn(home)))
    assert waits(later)
    first.__exit__(None, None, None)
    assert ends(alone)
    assert ends(later)


def test_two_updates_never_compute_at_a_time(home):
    with device_alone():
        other = begin(lambda: take(device_alone()))
        assert waits(other)
    assert ends(other)


@pytest.mark.parametrize("turn", ["sampling_turn(engine_home())", "device_alone()"])
def test_a_killed_stage_has_no_turn(home, turn):
    with holder(home, turn) as holding:
        assert holding.stdout.readline() == b"mine\n"
        other = begin(lambda: take(device_alone()))
        assert waits(other)
        holding.send_signal(signal.SIGKILL)
    assert ends(other)


def test_an_update_that_is_killed_while_it_waits_keeps_nobody_out(home):
    with sampling_turn(home):
        with holder(home, "device_alone()") as waiting:
            later = None
            while later is None or not waits(later):  # until the update has come to wait
                later = begin(lambda: take(sampling_turn(home)))
            waiting.send_signal(signal.SIGKILL)
        assert ends(later)


def test_the_processes_of_an_update_have_its_turn(home, monkeypatch):
    with device_alone():
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
        rank = begin(lambda: take(device_alone()))
        assert ends(rank)


def test_the_stage_that_updates_waits_for_its_turn(home, params, monkeypatch):
    reached = threading.Event()
    monkeypatch.setattr(update, "refuse_to_make_again", lambda outputs: None)
    monkeypatch.setattr(update, "update_settings", lambda arm: params.update)
    monkeypatch.setattr(update.processes, "start_all", lambda *which, **run: reached.set() or True)
    with sampling_turn(home):
        stage = begin(lambda: update.main("token", 1, 0, compute=params.compute, sampling=params.sampling))
        assert waits(stage)
        assert not reached.is_set()
    assert ends(stage)
    assert reached.is_set()


def test_a_stage_that_comes_to_sample_waits_for_the_update_at_work(stage, kept):
    with device_alone():
        sampling = begin(lambda: stage().close())
        assert waits(sampling)
        assert not kept.calls
    assert ends(sampling)
    assert kept.calls[0].startswith("open")


def test_an_engine_says_that_it_rests_when_those_that_have_left_are_gone(stage, kept, monkeypatch):
    """A stage has ended its connection and its turn; the server is still at a step of what it had asked for."""

    def slowly(requests, plan):
        for rollout in kept.sample(requests, plan):
            time.sleep(0.5)
            yield [rollout]

    monkeypatch.setattr(kept, "turns", slowly)
    first = stage()
    next(first.sample(REQUESTS, PLAN))
    first.close()
    give_back_device()
    assert kept.calls[-1] == "rest"


def test_the_engine_rests_whenever_a_chain_has_the_device_alone(server, home, params, policy_folder, kept, tmp_path):
    """Four chains in changing order: each samples with its own policy, then has the device alone, five times."""
    faults: list[object] = []

    def chain(number: int) -> None:
        order = random.Random(number)
        folder = Path(shutil.copytree(policy_folder, tmp_path / f"chain{number}"))
        try:
            for _ in range(5):
                engine = ResidentEngine(folder, params.sampling, params.compute, home)
                time.sleep(order.random() / 20)
                faults.extend([] if len(list(engine.sample(REQUESTS[:5], PLAN))) == 5 else ["responses are missing"])
                engine.close()
                time.sleep(order.random() / 20)
                with device_alone():
                    begun = len(kept.calls) - 1
                    time.sleep(order.random() / 20)
                    faults.extend(call for call in kept.calls[begun:] if call != "rest")
        except BaseException as error:
            faults.append(error)
            raise

    chains = [begin(lambda number=number: chain(number)) for number in range(4)]
    assert all(ends(thread) for thread in chains)
    assert not faults
