"""Room for chains: by cores, by devices, and what is refused."""

import pytest

from mtpipe.errors import MtpipeError
from mtpipe.run.study import slots as module
from mtpipe.run.study.slots import Slot, crowding, slots, visible_devices
from mtpipe.settings.model import Lora


@pytest.fixture
def eight_cores(monkeypatch):
    monkeypatch.setattr(module, "cores", lambda: 8)


@pytest.fixture
def settings(params):
    """The shipped settings with other threads and devices to a chain."""

    def changed(threads=1, device="auto", processes=1, tensor_parallel=1, data_parallel=1, engine="torch", lora=None):
        engines = {"tensor_parallel_size": tensor_parallel, "data_parallel": data_parallel}
        vllm = params.sampling.vllm.model_copy(update=engines)
        return params.model_copy(
            update={
                "model": params.model.model_copy(update={"lora": lora}),
                "compute": params.compute.model_copy(update={"threads": threads, "device": device}),
                "update": params.update.model_copy(update={"processes": processes}),
                "sampling": params.sampling.model_copy(update={"engine": engine, "vllm": vllm}),
            }
        )

    return changed


@pytest.fixture
def four_devices(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,4,7")


@pytest.fixture
def no_devices(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def test_without_devices_the_cores_decide(eight_cores, no_devices, settings):
    assert slots(settings(threads=2), None, None) == [Slot()] * 4
    assert slots(settings(threads=3), None, None) == [Slot()] * 2
    assert slots(settings(threads=99), None, None) == [Slot()]
    assert slots(settings(threads=2), 6, None) == [Slot()] * 6


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 4), ("900000 100000", 4), ("250000 100000", 2), ("50000 100000", 1)]
)
def test_a_container_s_share_of_the_cores_counts(tmp_path, monkeypatch, quota, cores):
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda process: range(4))
    monkeypatch.setattr(module, "CPU_QUOTA", tmp_path / "cpu.max")
    assert module.cores() == 4, "no such file"
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert module.cores() == cores


def test_chains_that_share_cores_are_told_of(eight_cores, settings):
    assert crowding(settings(threads=2), [Slot()] * 4) is None
    assert "--jobs 4" in (crowding(settings(threads=2), [Slot()] * 5) or "")
    assert crowding(settings(threads=2), [Slot(("0",))] * 9) is None, "on devices, threads are not what computes"


def test_each_chain_has_devices_of_its_own(four_devices, settings):
    assert [slot.environment() for slot in slots(settings(), None, None)] == [
        {"CUDA_VISIBLE_DEVICES": device, "MTPIPE_SLOT": str(number)} for number, device in enumerate("0147")
    ]
    assert slots(settings(), 2, ["1", "7", "4"]) == [Slot(("1",)), Slot(("7",))]
    assert slots(settings(processes=2), None, None) == [Slot(("0", "1")), Slot(("4", "7"))]
    assert slots(settings(tensor_parallel=3, engine="vllm"), None, None) == [Slot(("0", "1", "4"))]
    assert slots(settings(data_parallel=2, engine="vllm"), None, None) == slots(settings(processes=2), None, None)
    assert slots(settings(tensor_parallel=3), None, None) == slots(settings(), None, None), "torch has no use for it"


def test_chains_with_adapters_share_devices_and_the_engine_on_each(four_devices, settings, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: True)
    adapters = settings(engine="vllm", lora=Lora(rank=8))
    assert slots(adapters, None, None) == slots(settings(), None, None), "nobody shares without being asked"
    environments = [slot.environment() for slot in slots(adapters, 5, ["0", "7"])]
    assert environments[:2] == [
        {"CUDA_VISIBLE_DEVICES": device, "MTPIPE_SLOT": str(number)} for number, device in enumerate("07")
    ]
    assert environments[2:] == [environments[0], environments[1], environments[0]]
    assert len(slots(adapters, 16, None)) == 16
    refused = [(adapters, 17), (settings(engine="vllm"), 5)]
    for change in ({"ray": adapters.ray.model_copy(update={"workers": 2})}, {"sampling": settings().sampling}):
        refused.append((adapters.model_copy(update=change), 5))
    for asked, jobs in refused:
        with pytest.raises(MtpipeError, match="chains share a device where"):
            slots(asked, jobs, None)
    for missing in ("find_spec", "home_of"):
        with monkeypatch.context() as without:
            without.setattr(module, missing, lambda *arguments: None)
            with pytest.raises(MtpipeError, match="chains share a device where"):
                slots(settings(engine="auto", lora=Lora(rank=8)), 5, None)
    monkeypatch.setenv("MTPIPE_RESIDENT", "0")
    with pytest.raises(MtpipeError, match="--jobs is 5, and 4 devices have room for 4"):
        slots(adapters, 5, None)


def test_a_study_on_the_cpu_uses_no_device(four_devices, eight_cores, settings):
    (slot,) = slots(settings(device="cpu", threads=8), None, None)
    assert slot.environment() == {"MTPIPE_SLOT": "0"}


@pytest.mark.parametrize(
    ("asked", "jobs", "devices", "words"),
    [
        ({}, None, ["0", "2"], ["2", "0, 1, 4, 7"]),
        ({}, None, ["1", "1"], ["twice"]),
        ({"processes": 5}, None, None, ["5", "update.processes"]),
        ({"processes": 2}, 3, None, ["--jobs is 3", "2"]),
        ({"device": "cpu"}, None, ["0"], ["compute.device: cpu"]),
    ],
)
def test_what_is_not_there_is_refused(four_devices, settings, asked, jobs, devices, words):
    with pytest.raises(MtpipeError) as error:
        slots(settings(**asked), jobs, devices)
    assert all(word in str(error.value) for word in words)


def test_devices_are_found_without_torch(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H100 (UUID: GPU-1)'\necho 'GPU 1: NVIDIA H100 (UUID: GPU-2)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_devices() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert visible_devices() == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1,MIG-2")
    assert visible_devices() == ["GPU-1", "MIG-2"]
