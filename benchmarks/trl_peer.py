"""TRL's GRPOTrainer on batches of ours: its own loss code, no transcription of it."""

import ast
import inspect
import textwrap
from typing import Any

import torch
import trl.trainer.grpo_trainer
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
        "old_per_token_logps": padded(
            [one.round_start_logprobs or one.rollout.behaviour_logprobs for one in responses], False, torch.float32
        ),
        "sampling_per_token_logps": padded([one.rollout.behaviour_logprobs for one in responses], False, torch.float32),
        "advantages": torch.tensor([one.advantage for one in responses]),
        "num_items_in_batch": torch.tensor(tokens_of_step),
    }
    if responses[0].reference_logprobs:
        batch["ref_per_token_logps"] = padded([one.reference_logprobs for one in responses], False, torch.float32)
    return batch


def importance_ratio(peer: GRPOTrainer, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """What TRL multiplies the loss by where vLLM sampled: the block of its own method that computes it, run alone."""
    method = ast.parse(textwrap.dedent(inspect.getsource(GRPOTrainer._generate_and_score_completions)))
    [block] = [
        node
        for node in ast.walk(method)
        if isinstance(node, ast.If)
        and ast.unparse(node.test) == "self.use_vllm and self.vllm_importance_sampling_correction"
        and "clip_max" in ast.unparse(node)
    ]
    names = {"self": peer, "tool_mask": None, **batch}
    exec(compile(ast.Module([block], []), "TRL", "exec"), vars(trl.trainer.grpo_trainer), names)  # noqa: S102, code of the installed TRL
    return names["vllm_importance_sampling_ratio"]
