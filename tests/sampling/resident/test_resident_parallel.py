"""Several resident engines that share the responses (sampling.vllm.data_parallel), with fake ones in threads."""

import os

import pytest
import torch
from talking import PLAN, REQUESTS, refuse

from mtpipe.errors import MtpipeError
from mtpipe.sampling.resident import reaching
from mtpipe.sampling.resident.client import ResidentEngine
from mtpipe.sampling.resident.reaching import give_back_device


@pytest.fixture
def engines(serve, kept):
    """Two that serve, at one home."""
    found = [kept, type(kept)(kept.vocabulary)]
    for index, each in enumerate(found):
        serve(each, index)
    return found


@pytest.fixture
def engine(engines, home, params, policy_folder) -> ResidentEngine:
    return ResidentEngine(policy_folder, params.sampling, params.compute, home, count=2)


def test_each_has_every_second_response(engine, engines):
    sampled = list(engine.sample(REQUESTS, PLAN))
    assert [each.requests for each in engines] == [REQUESTS[0::2], REQUESTS[1::2]]
    assert {response.problem_id for response in sampled} == {request.problem_id for request in REQUESTS}
    assert len(sampled) == len(REQUESTS)
    assert len(list(engine.sample(REQUESTS[:1], PLAN))) == 1, "fewer responses than engines"


def test_all_load_a_policy_and_all_rest_before_an_update(engine, engines, policy_folder):
    os.utime(policy_folder / "config.json")
    engine.load(policy_folder)
    assert [each.calls[-1] for each in engines] == [f"load {policy_folder.name}"] * 2
    engine.close()
    give_back_device()
    before = [each.calls.count("rest") for each in engines]
    give_back_device()
    assert all(each.calls.count("rest") > count for each, count in zip(engines, before, strict=True))


@pytest.mark.parametrize("method", ["load", "sample"])
def test_if_one_refuses_all_are_left_and_serve_again(engine, engines, policy_folder, monkeypatch, method):
    os.utime(policy_folder / "config.json")
    with monkeypatch.context() as patched:
        patched.setattr(engines[0], method, refuse)
        with pytest.raises(MtpipeError, match=r"^the prompt is too long$"):
            engine.load(policy_folder)
            list(engine.sample(REQUESTS, PLAN))
    assert len(list(engine.sample(REQUESTS, PLAN))) == len(REQUESTS)


@pytest.mark.parametrize(
    ("visible", "each", "expected"),
    [("0,1,2", 1, ["0", "1"]), ("GPU-a,GPU-b,2,3", 2, ["GPU-a,GPU-b", "2,3"])],
)
def test_each_sees_devices_of_its_own(home, params, policy_folder, monkeypatch, visible, each, expected):
    started = []

    def start(home, index, terms, devices):
        started.append(devices)
        if len(started) == len(expected):
            raise MtpipeError("enough")

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(reaching, "_start", start)
    monkeypatch.setattr("mtpipe.sampling.resident.client.pick_device", lambda compute: torch.device("cuda"))
    vllm = params.sampling.vllm.model_copy(update={"tensor_parallel_size": each})
    settings = params.sampling.model_copy(update={"vllm": vllm})
    with pytest.raises(MtpipeError, match="enough"):
        ResidentEngine(policy_folder, settings, params.compute, home, count=2)
    assert started == expected
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(MtpipeError, match=rf"data_parallel is 2, with {each} devices .* and here are 1: 3"):
        ResidentEngine(policy_folder, settings, params.compute, home, count=2)
