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
        self._slots: list[BatchRequest | None] = [None] * req_states.max_num_reqs

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        self._slots[req_idx] = BatchRequest.of(sampling_params, self._max_tokens)
        return self._slots[req_idx] is not None

    def apply(self, logits: Tensor, ctx: LogitsContext) -> Tensor:
        """A row's position is read on the host, from the length of its sequence: no waiting for the GPU."""
        slots = ctx.idx_mapping_np
        if len(slots) != len(logits):
            raise RuntimeError("token_temperature does not work with speculative decoding; turn one of them off")
        requests = [self._slots[slot] for slot in slots]
        positions = ctx.seq_lens_upper_bound_np[: len(slots)] - self._states.prompt_len.np[slots]
        return self.batch.apply(logits, requests, positions.tolist(), ctx.input_ids)
