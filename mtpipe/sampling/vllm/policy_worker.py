"""What the engine asks of vLLM's worker processes, beyond what they can do by themselves."""

from typing import Any

from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead
from vllm.platforms import current_platform

from mtpipe.sampling.vllm.adapter_v1 import AdapterV1
from mtpipe.sampling.vllm.adapter_v2 import AdapterV2
from mtpipe.sampling.vllm.records import Record


class PolicyWorker:
    """Mixed into vLLM's worker class (`worker_extension_cls`), so that `collective_rpc` reaches weights and records."""

    model_runner: Any

    def load_policy(self, folder: str) -> None:
        """vLLM's own reload, from a folder.

        vLLM 0.32 leaves out an output layer that shares its weights with the embedding, of which the CPU build keeps
        a packed copy; so that is packed again here.
        """
        self.model_runner.reload_weights(weights_path=folder)
        if current_platform.is_cpu():
            for module in self.model_runner.get_model().modules():
                if isinstance(module, ParallelLMHead):
                    module.quant_method.process_weights_after_loading(module)

    def take_token_records(self) -> dict[str, list[Record]]:
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
