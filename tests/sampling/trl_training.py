"""TRL's own GRPOTrainer with a colocated vLLM, in a process of its own, as docs/with-trl.md shows it."""

import os
from functools import partial
from pathlib import Path
from typing import Any

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "TORCHDYNAMO_DISABLE": "1",
    "VLLM_USE_AOT_COMPILE": "0",
}
"""Compilation costs more here than it saves; the rest keeps vLLM's CPU build small."""


def train(folder: str, output: str, prompts: list[str], **options: Any) -> dict[str, Any]:
    """Two steps of TRL on a policy in a folder: each step's batch as TRL had it, and its log."""
    os.environ.update(ENVIRONMENT)
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast
    from trl import GRPOConfig, GRPOTrainer
    from trl.generation import vllm_generation
    from trl.generation.vllm_generation import VLLMGeneration

    VLLMGeneration.sync_weights = _sync_through_a_folder
    vllm_generation.LLM = partial(vllm_generation.LLM, dtype="float32")  # by itself bfloat16, which TRL cannot set
    batches: list[dict[str, Any]] = []

    class Keeping(GRPOTrainer):
        def _generate_and_score_completions(self, inputs):
            batch = super()._generate_and_score_completions(inputs)
            batches.append({name: value.tolist() for name, value in batch.items()})
            self.model.save_pretrained(f"{output}/{len(batches) - 1}")
            return batch

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=f"{folder}/tokenizer.json", pad_token="<pad>", eos_token="<eos>", name_or_path=folder
    )
    config = GRPOConfig(
        output_dir=output,
        use_cpu=True,
        bf16=False,
        report_to=[],
        disable_tqdm=True,
        save_strategy="no",
        gradient_checkpointing=False,
        logging_steps=1,
        max_steps=2,
        use_vllm=True,
        vllm_mode="colocate",
        vllm_max_model_length=128,
        **options,
    )
    trainer = Keeping(
        model=folder,
        reward_funcs=lambda completion_ids, **_: [float(len(ids) % 2 == 0) for ids in completion_ids],
        args=config,
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=tokenizer,
    )
    trainer.train()
    return {"batches": batches, "log": trainer.state.log_history}


def _sync_through_a_folder(generation: Any) -> None:
    """TRL's way in writes into vLLM's parameters, which the CPU build has packed anew; so here vLLM reloads instead."""
    from mtpipe.sampling.vllm.policy_worker import PolicyWorker

    folder = Path(generation.model.name_or_path).parent / "synced"
    generation.model.save_pretrained(folder)
    generation.llm.collective_rpc(PolicyWorker.load_policy, args=(str(folder),))
    generation.llm.reset_prefix_cache()
