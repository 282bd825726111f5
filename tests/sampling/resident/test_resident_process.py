"""A resident engine in its real process: the torch engine, which starts fastest, and once vLLM."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from builders import ROOT
from vllm_process import needs_vllm, sample, vllm_engine

from mtpipe.errors import MtpipeError
from mtpipe.owner import OWNER, Process, engine_socket
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.opening import open_engine, open_here
from mtpipe.sampling.resident.client import ResidentEngine
from mtpipe.sampling.resident.reaching import give_back_device
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.truncation import Truncation

pytestmark = pytest.mark.slow

RULE = ResolvedEntropyThreshold(low=0.9, high=1.3, threshold=2.0)
PROMPTS = ["2+9*3-4>", "1+2>", "3*3*3*3*3>", "7-5+1>"]
PLAN = SamplingPlan(1, "round 0", 30, 8, truncation=Truncation(top_p=0.95), record_masks=True)


@pytest.fixture
def owner(owned, monkeypatch):
    """A process that stages belong to; the engine ends with it."""
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    monkeypatch.setenv(OWNER, str(started.pid))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TMPDIR", str(owned.parent.parent))
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")
    yield started
    started.kill()
    started.wait()


@pytest.fixture
def settings(params):
    return params.sampling.model_copy(update={"batch_size": 8})


@pytest.fixture
def open_stage(owner, params, settings, folder) -> Callable[..., ResidentEngine]:

    def opened(**changes) -> ResidentEngine:
        return ResidentEngine(folder, settings.model_copy(update=changes), params.compute, engine_socket())

    return opened


def requests(vocabulary) -> list[Request]:
    return [Request(prompt, n, vocabulary.encode(prompt), 1.0, RULE) for prompt in PROMPTS for n in range(3)]


def ends_within(seconds: float, process: Process) -> bool:
    deadline = time.monotonic() + seconds
    while process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not process.is_alive()


def test_rollouts_are_those_of_an_engine_in_the_stage_and_a_killed_engine_is_replaced(
    open_stage, owner, params, settings, folder
):
    engine = open_stage()
    first = engine.process
    alone = open_here(settings, params.compute, folder)
    expected = list(alone.sample(requests(alone.vocabulary), PLAN))
    assert list(engine.sample(requests(engine.vocabulary), PLAN)) == expected
    engine.close()
    assert os.getsid(first) == first, "in a session of its own, it is not killed with the process group of its owner"
    second = open_stage()
    assert second.process == first
    assert not second.loaded
    assert list(second.sample(requests(second.vocabulary), PLAN)) == expected

    os.kill(first, signal.SIGSTOP)
    threading.Timer(0.5, os.kill, (first, signal.SIGKILL)).start()
    with pytest.raises(
        MtpipeError, match=rf"process {first}, has ended: .*start again, which starts a new one"
    ) as told:
        list(second.sample(requests(second.vocabulary), PLAN))
    assert "\n" not in str(told.value)
    third = open_stage()
    assert third.process != first
    assert list(third.sample(requests(third.vocabulary), PLAN)) == expected
    third.close()

    server = Process.of(third.process)
    other = open_stage(torch_dtype="bfloat16")
    assert other.process != server.number
    assert not server.is_alive(), "the engine with the former settings ends before another one starts"
    server = Process.of(other.process)
    other.close()
    owner.kill()
    assert ends_within(20, server), "it outlived its owner, which is dead though nobody has waited for it"


def test_an_update_kills_an_engine_that_does_not_answer(open_stage, monkeypatch):
    monkeypatch.setattr("mtpipe.sampling.resident.reaching.SECONDS_TO_ANSWER", 1.0)
    engine = open_stage()
    server = Process.of(engine.process)
    os.kill(server.number, signal.SIGSTOP)
    engine.close()
    give_back_device()
    assert ends_within(10, server)


@needs_vllm
def test_with_vllm_the_rollouts_are_the_same_and_it_starts_once(owner, params, settings, folder):
    settings = settings.model_copy(update={"engine": "vllm"})
    found, processes = [], []
    for _ in range(2):
        with open_engine(folder, settings, params.compute, params.ray) as engine:
            processes.append(engine.process)
            found.append(sorted(engine.sample(requests(engine.vocabulary), PLAN), key=repr))
            asked = requests(engine.vocabulary)
            next(engine.sample(asked, PLAN))  # and leaves in the middle
    assert processes[0] == processes[1]
    with vllm_engine(folder, settings.vllm, 8) as call:
        alone = sorted(call(sample, asked, PLAN), key=repr)
    assert found == [alone, alone]
