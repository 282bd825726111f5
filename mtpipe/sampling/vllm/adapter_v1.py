"""The rule as a logits processor of vLLM's V1 model runner (the CPU build, and GPUs without Triton)."""

from typing import Any

import torch
from torch import Tensor
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates

from mtpipe.sampling.vllm.batch import BatchRequest, TemperedBatch


class AdapterV1(LogitsProcessor):  # type: ignore[misc]
    """Follows V1's persistent batch, whose rows are added, removed, moved and swapped between steps."""

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool):
        self.batch = TemperedBatch(device, vllm_config)
        self._max_tokens: int = vllm_config.model_config.max_model_len
        self._rows: dict[int, tuple[BatchRequest, list[int]]] = {}
        self._requests: list[BatchRequest | None] = []

    def is_argmax_invariant(self) -> bool:
        """True: V1 then calls `apply` after penalties, for rows that are sampled and not for greedy batches."""
        return True

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        if process_dict_updates(self._rows, batch_update, self._row):
            self._requests = []

    def _row(
        self, sampling: SamplingParams, prompt_ids: list[int] | None, output_ids: list[int]
    ) -> tuple[BatchRequest, list[int]] | None:
        """`output_ids` is vLLM's own list, which grows with the response; a preempted request comes back with it."""
        request = BatchRequest.of(sampling, self._max_tokens)
        return None if request is None else (request, output_ids)

    def apply(self, logits: Tensor) -> Tensor:
        if not self._rows:
            return logits
        if len(self._requests) != len(logits):
            self._requests = [None] * len(logits)
            for row, (request, _) in self._rows.items():
                self._requests[row] = request
        positions, previous = [0] * len(logits), [0] * len(logits)
        for row, (_, output_ids) in self._rows.items():
            positions[row] = len(output_ids)
            previous[row] = output_ids[-1] if output_ids else 0
        return self.batch.apply(logits, self._requests, positions, torch.tensor(previous, device=logits.device))
