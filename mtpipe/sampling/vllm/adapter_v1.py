"""The rule as a logits processor of vLLM's V1 model runner (the CPU build, and GPUs without Triton)."""

import os
from typing import Any

import numpy as np
import torch
from torch import Tensor
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates

from mtpipe.sampling.vllm.batch import BatchRequest, TemperedBatch
from mtpipe.sampling.vllm.request import OWN_ENGINE


class AdapterV1(LogitsProcessor):  # type: ignore[misc]
    """Follows V1's persistent batch, whose rows are added, removed, moved and swapped between steps.

    A request keeps one slot of the tempered batch however its row moves.
    """

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool):
        self.batch = TemperedBatch(device, vllm_config)
        self._max_tokens: int = vllm_config.model_config.max_model_len
        self._slots_and_outputs: dict[int, tuple[int, list[int]]] = {}
        self._free: list[int] = []
        self._count = 0
        self._rows = np.zeros(0, dtype=np.intp)
        self._slots = np.zeros(0, dtype=np.intp)
        self._outputs: list[list[int]] = []

    def is_argmax_invariant(self) -> bool:
        """Whether V1 calls `apply` after penalties, and not for batches that are greedy throughout.

        So in a server. In mtpipe's own engine a request has no penalties, and is greedy once its token is drawn.
        """
        return OWN_ENGINE not in os.environ

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        if not process_dict_updates(self._slots_and_outputs, batch_update, self._placed):
            return
        rows = self._slots_and_outputs
        self._rows = np.fromiter(rows, dtype=np.intp, count=len(rows))
        self._slots = np.fromiter((slot for slot, _ in rows.values()), dtype=np.intp, count=len(rows))
        self._outputs = [output_ids for _, output_ids in rows.values()]
        self._free = np.setdiff1d(np.arange(self._count), self._slots).tolist()

    def _placed(
        self, sampling: SamplingParams, prompt_ids: list[int] | None, output_ids: list[int]
    ) -> tuple[int, list[int]] | None:
        """`output_ids` is vLLM's own list, which grows with the response; a preempted request comes back with it."""
        request = BatchRequest.of(sampling, self._max_tokens)
        if request is None:
            return None
        if self._free:
            slot = self._free.pop()
        else:
            slot, self._count = self._count, self._count + 1
        self.batch.put(slot, request)
        return slot, output_ids

    def apply(self, logits: Tensor) -> Tensor:
        if not self._outputs:
            return logits
        slots, positions = np.full(len(logits), -1), np.zeros(len(logits), dtype=np.intp)
        previous = np.zeros(len(logits), dtype=np.intp)
        slots[self._rows] = self._slots
        positions[self._rows] = [len(output_ids) for output_ids in self._outputs]
        previous[self._rows] = [output_ids[-1] if output_ids else 0 for output_ids in self._outputs]
        return self.batch.apply(logits, slots, positions, torch.from_numpy(previous).to(logits.device))
