"""What vLLM is asked for between stages, by a fake of its engine that keeps the calls: sleeping needs a GPU."""

from pathlib import Path

import pytest

from mtpipe.errors import MtpipeError
from mtpipe.sampling.vllm.memory import PolicyMemory


class Calls:
    """Keeps its calls in the words of vLLM's LLMEngine, and holds what such an engine would hold of a device."""

    def __init__(self, clears: bool = True):
        self.made: list[str] = []
        self.held = {"weights", "kv_cache"}
        self._clears = clears

    def sleep(self, level: int = 1) -> None:
        assert level == 2, "level 1 would keep a copy of weights that are about to be replaced"
        self.made.append("sleep")
        self.held = set()

    def wake_up(self, tags: list[str]) -> bool:
        self.made.append(f"wake {' '.join(tags)}")
        self.held |= set(tags)
        return len(self.held) == 2

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


def test_on_a_cpu_it_stays_and_forgets_prefixes_alone():
    calls = Calls()
    memory = PolicyMemory(calls, sleeps=False)
    assert memory.rest() is True
    memory.load(Path("round1"))
    assert calls.made == ["reset", "load_policy round1 beside 1", "reset"]


def test_prefixes_that_vllm_does_not_forget_are_an_error():
    with pytest.raises(MtpipeError, match="prefix cache"):
        PolicyMemory(Calls(clears=False), sleeps=False).load(Path("round1"))
