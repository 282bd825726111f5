"""What the engine asks of vLLM's worker processes, beyond what they can do by themselves."""

from typing import Any

from mtpipe.sampling.vllm.adapter_v1 import AdapterV1
from mtpipe.sampling.vllm.adapter_v2 import AdapterV2


class TokenRecords:
    """Mixed into vLLM's worker class (`worker_extension_cls`), so that `collective_rpc` reaches the records."""

    model_runner: Any

    def take_token_records(self) -> dict[str, bytes]:
        """The records of this process, as `TemperedBatch.take_records` gives them.

        In a tensor-parallel group every process draws the same tokens, or each those of its share of the batch.
        """
        v2 = getattr(self.model_runner, "sampler", None)
        processors = getattr(v2, "logits_processors", None)
        if processors is None:
            processors = self.model_runner.input_batch.logitsprocs.all
        for processor in processors:
            if isinstance(processor, AdapterV1 | AdapterV2):
                return processor.batch.take_records()
        return {}
