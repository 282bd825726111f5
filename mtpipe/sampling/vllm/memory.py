"""What a running vLLM holds of a device: given back between stages, and taken again with the next policy."""

from pathlib import Path
from typing import Any

from mtpipe.errors import MtpipeError


class PolicyMemory:
    """The weights and the KV cache of vLLM's engine.

    On CUDA they sleep between stages: level 2 drops both, and leaves to the host what CUDA graphs and buffers take.
    The base of adapters, which stays the same, sleeps on level 1: its weights, and the room for adapters, wait in host
    memory. The CPU build has no such mode: there both stay, and the prefix cache alone is emptied.

    Args:
        llm: vLLM's engine.
        sleeps: whether it was started with `enable_sleep_mode`.
        keeps_weights: whether the weights are those of a base.
    """

    def __init__(self, llm: Any, sleeps: bool, keeps_weights: bool = False):
        self._llm = llm
        self._sleeps = sleeps
        self._level = 1 if keeps_weights else 2
        self._asleep = False

    def rest(self) -> bool:
        """Gives back what it can; whether nothing has to be loaded again. Asked twice, it does nothing more."""
        if not self._sleeps:
            self._forget_prefixes()
        elif not self._asleep:
            self._llm.sleep(level=self._level)  # forgets the prefixes too
            self._asleep = True
        return not self._asleep

    def wake(self) -> None:
        """Takes memory again with the weights of a base as they were."""
        if self._asleep:
            self._llm.wake_up()
            self._asleep = False

    def load(self, folder: Path) -> None:
        """Reads a policy's weights into vLLM; first they take memory, and the KV cache does so after them.

        While the weights are read, their checkpoint is in memory as well.
        """
        if self._asleep:
            self._llm.wake_up(tags=["weights"])
        self._llm.collective_rpc("load_policy", args=(str(folder),))
        if self._asleep:
            self._llm.wake_up(tags=["kv_cache"])
            self._asleep = False
        self._forget_prefixes()

    def _forget_prefixes(self) -> None:
        if not self._llm.reset_prefix_cache():
            raise MtpipeError("vLLM could not clear its prefix cache, which holds states of the policy before")
