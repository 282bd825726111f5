"""A resident engine in its real process: the torch engine, which starts fastest, and once vLLM."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import pytest
from adapters import trained_adapter
from builders import PYTHONPATH
from conformance import assert_same_rollouts
from vllm_process import needs_vllm

from mtpipe.errors import MtpipeError
from mtpipe.model.policy import load_policy
from mtpipe.owner import OWNER, RESIDENT, SLOT, Process, engine_home
from mtpipe.records import Rollout
from mtpipe.sampling import torch_engine
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
def owner(home, monkeypatch):
    """A process that stages belong to; the engine ends with it."""
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    monkeypatch.setenv(OWNER, str(started.pid))
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    monkeypatch.setenv("TMPDIR", str(home.folder.parent))
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
        return ResidentEngine(folder, settings.model_copy(update=changes), params.compute, engine_home())

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
    first = engine.processes[0]
    alone = open_here(settings, params.compute, folder)
    expected = list(alone.sample(requests(alone.vocabulary), PLAN))
    assert list(engine.sample(requests(engine.vocabulary), PLAN)) == expected
    engine.close()
    assert os.getsid(first) == first, "in a session of its own, it is not killed with the process group of its owner"
    second = open_stage()
    assert second.processes[0] == first
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
    assert third.processes[0] != first
    assert list(third.sample(requests(third.vocabulary), PLAN)) == expected
    third.close()

    server = Process.of(third.processes[0])
    other = open_stage(torch_dtype="bfloat16")
    assert other.processes[0] != server.number
    assert not server.is_alive(), "the engine with the former settings ends before another one starts"
    server = Process.of(other.processes[0])
    other.close()
    owner.kill()
    assert ends_within(20, server), "it outlived its owner, which is dead though nobody has waited for it"


def test_two_engines_sample_what_one_does_and_the_killed_one_alone_is_replaced_and_an_update_kills_one_that_hangs(
    owner, params, settings, folder, monkeypatch
):
    def opened() -> ResidentEngine:
        return ResidentEngine(folder, settings, params.compute, engine_home(), count=2)

    alone = open_here(settings, params.compute, folder)
    expected = by_identity(alone.sample(requests(alone.vocabulary), PLAN))
    engine = opened()
    survivor, killed = engine.processes
    assert_same_tokens(by_identity(engine.sample(requests(engine.vocabulary), PLAN)), expected)
    os.kill(killed, signal.SIGSTOP)
    threading.Timer(0.5, os.kill, (killed, signal.SIGKILL)).start()
    with pytest.raises(MtpipeError, match=rf"process {killed}, has ended: .*\(data/engines/0-1\.log may say more\)"):
        engine.load(folder)
    engine = opened()
    assert engine.processes[0] == survivor
    assert engine.processes[1] != killed
    assert_same_tokens(by_identity(engine.sample(requests(engine.vocabulary), PLAN)), expected)

    monkeypatch.setattr("mtpipe.sampling.resident.reaching.SECONDS_TO_ANSWER", 1.0)
    server = Process.of(survivor)
    os.kill(server.number, signal.SIGSTOP)
    engine.close()
    give_back_device()
    assert ends_within(10, server)
    assert Process.of(engine.processes[1]), "the other one answers"


@needs_vllm
@pytest.mark.exhaustive
@pytest.mark.parametrize("resident", ["0", "1"])
def test_two_vllm_engines_sample_what_one_does_resident_or_for_a_stage(
    owner, params, settings, folder, monkeypatch, resident
):
    """Log-probs may differ by the rounding of batches of other sizes.

    Two engines of torch do so in the test before, and one resident vLLM samples what it should in the next one.
    """
    vllm = settings.vllm.model_copy(update={"data_parallel": 2, "kv_cache_gib": 0.05})
    parallel = settings.model_copy(update={"engine": "vllm", "vllm": vllm})
    monkeypatch.setenv(RESIDENT, resident)
    alone = open_here(settings, params.compute, folder)
    expected = by_identity(alone.sample(requests(alone.vocabulary), PLAN))
    processes = []
    for _ in range(2 if resident == "1" else 1):
        with open_engine(folder, parallel, params.compute, params.ray) as engine:
            processes.append(engine.processes)
            assert_same_tokens(by_identity(engine.sample(requests(engine.vocabulary), PLAN)), expected)
            next(engine.sample(requests(engine.vocabulary), PLAN))  # and leaves in the middle
    assert len(set(processes[0])) == 2
    assert processes[0] == processes[-1]
    alive = [number for number in processes[0] if Process.of(number)]
    assert alive == (processes[0] if resident == "1" else [])


def by_identity(rollouts) -> dict[tuple[str, int], Rollout]:
    return {(rollout.problem_id, rollout.sample): rollout for rollout in rollouts}


def assert_same_tokens(found: dict[tuple[str, int], Rollout], expected: dict[tuple[str, int], Rollout]) -> None:
    assert found.keys() == expected.keys()
    for key, rollout in found.items():
        assert rollout.response_ids == expected[key].response_ids
        assert rollout.behaviour_logprobs == pytest.approx(expected[key].behaviour_logprobs, abs=1e-5)
        assert rollout.temperatures == expected[key].temperatures
        assert (rollout.mask_sizes, rollout.mask_ids) == (expected[key].mask_sizes, expected[key].mask_ids)


@needs_vllm
def test_two_arms_adapters_are_sampled_by_one_vllm_at_once(owner, params, settings, folder, tmp_path, monkeypatch):
    """The first arm has begun, the second gets all of its responses meanwhile, and both have what is theirs alone."""
    adapters = [trained_adapter(folder, tmp_path / str(seed), seed) for seed in (1, 2)]
    settings = settings.model_copy(update={"engine": "vllm", "batch_size": 64})
    policies = [load_policy(adapter) for adapter in adapters]
    asked = [[replace(each, sample=n) for n, each in enumerate(requests(policies[0]) * 4)], requests(policies[1])]
    expected = [list(torch_engine.sample(*each, PLAN)) for each in zip(policies, asked, strict=True)]
    with ExitStack() as stages:
        engines = []
        for slot, adapter in zip("01", adapters, strict=True):
            monkeypatch.setenv(SLOT, slot)
            engines.append(stages.enter_context(open_engine(adapter, settings, params.compute, params.ray)))
        assert engines[0].processes == engines[1].processes
        begun = engines[0].sample(asked[0], PLAN)
        found = [next(begun)]
        assert_same_rollouts(list(engines[1].sample(asked[1], PLAN)), expected[1])
        assert_same_rollouts([*found, *begun], expected[0])
