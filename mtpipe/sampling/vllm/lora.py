"""An adapter inside vLLM: the engine runs with the base, and requests name the adapter that is put on it."""

from pathlib import Path
from typing import Any

from mtpipe.errors import MtpipeError
from mtpipe.model.adapter import stored_parameters
from mtpipe.model.adapter_folder import AdapterBase, adapter_rank, is_adapter
from mtpipe.settings.sampling import max_lora_rank


def base_of(folder: Path) -> AdapterBase | None:
    """The base of the adapter in a policy folder, both checked; None if it holds all weights."""
    if not is_adapter(folder):
        return None
    stored_parameters(folder)
    base = AdapterBase.read(folder)
    base.check(folder)
    return base


def lora_arguments(folder: Path, at_once: int) -> dict[str, Any]:
    """What vLLM's EngineArgs need for the adapter in a folder; nothing for a policy with all weights.

    Args:
        at_once: how many adapters may be in one batch.
    """
    if not is_adapter(folder):
        return {}
    largest = max_lora_rank(adapter_rank(folder))
    return {"enable_lora": True, "max_lora_rank": largest, "max_loras": at_once}


class RunningAdapter:
    """The adapter that an engine's requests ask for; another one of the same base takes its place without new weights.

    vLLM keeps the adapters before it that it has room for, and reads one again of which requests are still running.

    Attributes:
        request: vLLM's name for it, new for each adapter, so that no cached prefix is taken for another's.
    """

    request: Any = None

    def __init__(self, llm: Any, base: AdapterBase):
        self._llm = llm
        self._base = base
        self._count = 0

    def load(self, folder: Path) -> None:
        """Goes on with the adapter in another folder.

        Raises MtpipeError, and goes on with the old one, where it does not fit the running engine.
        """
        from vllm.lora.request import LoRARequest

        stored_parameters(folder)  # vLLM itself takes what is not finite, or more than it knows how to compute
        base, rank, largest = AdapterBase.read(folder), adapter_rank(folder), _max_rank(self._llm)
        if base.sha256 != self._base.sha256:
            raise MtpipeError(f"{folder} holds an adapter of another base than vLLM runs with; start a new engine")
        if rank > largest:
            raise MtpipeError(
                f"{folder} holds an adapter of rank {rank}, and vLLM runs with max_lora_rank {largest}; start a new "
                f"engine, with a larger sampling.vllm.engine_args.max_lora_rank"
            )
        self._count += 1
        wanted = LoRARequest(f"{folder} {self._count}", self._count, str(folder.resolve()))
        try:
            self._llm.add_lora(wanted)
        except Exception as error:  # vLLM has no common class for what it refuses
            raise MtpipeError(f"vLLM refuses the adapter in {folder}: {error}") from error
        self.request = wanted


def _max_rank(llm: Any) -> int:
    largest: int = llm.vllm_config.lora_config.max_lora_rank
    return largest
