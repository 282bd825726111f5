"""What vLLM is asked for between stages, by a fake of its engine that keeps the calls: sleeping needs a GPU."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from vllm_process import needs_vllm

from mtpipe.errors import MtpipeError
from mtpipe.sampling.vllm.memory import PolicyMemory
from mtpipe.sampling.vllm.vllm_engine import VllmEngine


class Calls:
    """Keeps its calls in the words of vLLM's LLMEngine, and holds what such an engine would hold of a device."""

    model_config = SimpleNamespace(max_model_len=100)
    vllm_config = SimpleNamespace(lora_config=SimpleNamespace(max_lora_rank=8))

    def __init__(self, clears: bool = True, level: int = 2):
        self.made: list[str] = []
        self.held = {"weights", "kv_cache"}
        self._clears = clears
        self._level = level

    def sleep(self, level: int = 1) -> None:
        assert level == self._level, "1 keeps a copy of weights that are about to be replaced, 2 drops those of a base"
        self.made.append("sleep")
        self.held = set()

    def wake_up(self, tags: list[str] | None = None) -> bool:
        self.made.append(f"wake {' '.join(tags or ['all'])}")
        self.held |= set(tags or ["weights", "kv_cache"])
        return len(self.held) == 2

    def add_lora(self, request: Any) -> None:
        assert len(self.held) == 2, "an adapter is read into an engine that is awake"
        self.made.append(f"add {Path(request.lora_path).name}")

    def collective_rpc(self, method: str, args: tuple[str, ...]) -> None:
        assert "weights" in self.held, "weights are read into memory that is there"
        self.made.append(f"{method} {args[0]} beside {len(self.held) - 1}")

    def reset_prefix_cache(self) -> bool:
        assert "kv_cache" in self.held
        self.made.append("reset")
        return self._clears


def test_on_a_gpu_it_sleeps_after_sampling_and_wakes_the_cache_after_the_weights_are_read():
    calls = Calls()
    memory = PolicyMemory(calls, sleeps=True)
    assert memory.rest() is False
    assert calls.held == set()
    assert memory.rest() is False, "the update asks again"
    memory.load(Path("round1"))
    assert calls.made == ["sleep", "wake weights", "load_policy round1 beside 0", "wake kv_cache", "reset"]
    memory.load(Path("round2"))
    assert calls.made[5:] == ["load_policy round2 beside 1", "reset"], "it was awake"
    assert memory.rest() is False
    assert calls.held == set()


def test_a_base_waits_in_host_memory_and_wakes_whole():
    calls = Calls(level=1)
    memory = PolicyMemory(calls, sleeps=True, keeps_weights=True)
    memory.wake()
    assert memory.rest() is False
    assert calls.held == set()
    memory.wake()
    memory.wake()
    assert calls.made == ["sleep", "wake all"]


@pytest.mark.slow
@needs_vllm
def test_an_engine_with_a_base_wakes_before_the_next_adapter_is_read_and_reads_no_weights(
    adapter_folder, params, monkeypatch
):
    calls = Calls(level=1)
    monkeypatch.setattr("mtpipe.sampling.vllm.vllm_engine.start_vllm", lambda *arguments: (calls, True))
    engine = VllmEngine(adapter_folder, params.sampling.vllm, 4, resting=True)
    assert engine.rest() is False
    engine.load(shutil.copytree(adapter_folder, adapter_folder.with_name("round1")))
    assert calls.made == ["add round0", "sleep", "wake all", "add round1"]


def test_on_a_cpu_it_stays_and_forgets_prefixes_alone():
    calls = Calls()
    memory = PolicyMemory(calls, sleeps=False)
    assert memory.rest() is True
    memory.load(Path("round1"))
    assert calls.made == ["reset", "load_policy round1 beside 1", "reset"]


def test_prefixes_that_vllm_does_not_forget_are_an_error():
    with pytest.raises(MtpipeError, match="prefix cache"):
        PolicyMemory(Calls(clears=False), sleeps=False).load(Path("round1"))
