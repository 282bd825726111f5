"""TRL's GRPOTrainer on batches of ours: its own loss code, no transcription of it."""

from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer

from mtpipe.learn.batching.steps import TrainingSample
from mtpipe.model.policy import Policy


def trainer(policy: Policy, folder: str, **options: Any) -> GRPOTrainer:
    """A trainer over the policy's own model (in place), on the CPU in float32 as ours is."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=policy.tokenizer, pad_token="<pad>", eos_token="<eos>")
    settings = {
        "output_dir": folder,
        "use_cpu": True,
        "bf16": False,
        "report_to": [],
        "num_generations": 4,
        "per_device_train_batch_size": 4,
        "gradient_checkpointing": False,
        "disable_tqdm": True,
        "save_strategy": "no",
    }
    return GRPOTrainer(
        model=policy.model,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=GRPOConfig(**{**settings, **options}),
        train_dataset=Dataset.from_dict({"prompt": ["1+2>"]}),
        processing_class=tokenizer,
    )


def local_batch(responses: list[TrainingSample], tokens_of_step: int) -> dict[str, torch.Tensor]:
    """TRL's inputs: prompts padded on the left, completions on the right."""

    def padded(rows: list[list[float]], left: bool, kind: torch.dtype) -> torch.Tensor:
        width = max(map(len, rows))
        blank = [[0] * (width - len(row)) for row in rows]
        return torch.tensor(
            [fill + row if left else row + fill for fill, row in zip(blank, rows, strict=True)], dtype=kind
        )

    prompts, completions = (
        [one.rollout.prompt_ids for one in responses],
        [one.rollout.response_ids for one in responses],
    )
    batch = {
        "prompt_ids": padded(prompts, True, torch.long),
        "prompt_mask": padded([[1] * len(row) for row in prompts], True, torch.long),
        "completion_ids": padded(completions, False, torch.long),
        "completion_mask": padded([[1] * len(row) for row in completions], False, torch.long),
        "old_per_token_logps": padded([one.rollout.behaviour_logprobs for one in responses], False, torch.float32),
        "advantages": torch.tensor([one.advantage for one in responses]),
        "num_items_in_batch": torch.tensor(tokens_of_step),
    }
    if responses[0].reference_logprobs:
        batch["ref_per_token_logps"] = padded([one.reference_logprobs for one in responses], False, torch.float32)
    return batch
