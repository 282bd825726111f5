"""The rule as a logits processor of vLLM's V2 model runner (the default on a GPU)."""

from typing import Any

from torch import Tensor
from vllm import SamplingParams
from vllm.v1.worker.gpu.sample.logits_processor import LogitsContext, LogitsProcessor, LogitsProcRequestState

from mtpipe.sampling.vllm.batch import BatchRequest, TemperedBatch


class AdapterV2(LogitsProcessor):  # type: ignore[misc]
    """Finds each row's request by its slot: V2 orders the rows anew in every step and uses slots again."""

    def __init__(self, vllm_config: Any, req_states: LogitsProcRequestState):
        self.batch = TemperedBatch(req_states.device, vllm_config)
        self._states = req_states
        self._max_tokens: int = vllm_config.model_config.max_model_len
        self.batch.put(req_states.max_num_reqs - 1, None)

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        request = BatchRequest.of(sampling_params, self._max_tokens)
        self.batch.put(req_idx, request)
        return request is not None

    def apply(self, logits: Tensor, ctx: LogitsContext) -> Tensor:
        """A row's position is read on the host, from the length of its sequence: no waiting for the GPU.

        V2 samples for a prompt that is read in chunks after each of them, where the position is below 0.
        """
        slots = ctx.idx_mapping_np
        if len(slots) != len(logits):
            raise RuntimeError("token_temperature does not work with speculative decoding; turn one of them off")
        positions = ctx.seq_lens_upper_bound_np[: len(slots)] - self._states.prompt_len.np[slots]
        return self.batch.apply(logits, slots, positions.astype(int), ctx.input_ids)
