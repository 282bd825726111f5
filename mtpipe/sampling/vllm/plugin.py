"""What vLLM loads: the entry point `token_temperature` of the group `vllm.logits_processors`.

vLLM has one group for two model runners with two interfaces, and refuses a class of the other one. So this class is
of both, and makes the adapter of the runner that calls it.
"""

from importlib.metadata import entry_points
from typing import Any

from vllm import SamplingParams
from vllm.v1.sample.logits_processor import LogitsProcessor as LogitsProcessorV1
from vllm.v1.worker.gpu.sample.logits_processor import LogitsProcessor as LogitsProcessorV2

from mtpipe.sampling.vllm.adapter_v1 import AdapterV1
from mtpipe.sampling.vllm.adapter_v2 import AdapterV2
from mtpipe.sampling.vllm.request import validate

_GROUP = "vllm.logits_processors"


class TokenTemperature(LogitsProcessorV1, LogitsProcessorV2):  # type: ignore[misc]
    """Per-request temperatures by token: `token_temperature` in a request's `extra_args`; docs/vllm.md."""

    def __new__(cls, vllm_config: Any, *runner: Any) -> Any:
        """V1 gives the device and whether memory is pinned; V2 gives the states of its requests."""
        return AdapterV1(vllm_config, *runner) if len(runner) == 2 else AdapterV2(vllm_config, *runner)

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Raises ValueError, at admission."""
        validate(sampling_params)


def processors() -> list[str]:
    """What to start vLLM with: nothing if the entry point is installed, for vLLM loads that by itself."""
    name = f"{TokenTemperature.__module__}:{TokenTemperature.__qualname__}"
    installed = any(point.value == name for point in entry_points(group=_GROUP))
    return [] if installed else [name]
