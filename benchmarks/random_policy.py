"""A policy with random weights whose next-token distributions are as peaked as a language model's."""

from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM

from mtpipe.model.policy import Policy, load_vocabulary, new_checkpoint, save_policy
from mtpipe.settings.model import StartingModel

QWEN_1_5B = {
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "vocab_size": 151_936,
    "max_position_embeddings": 4096,
}
"""Sizes of Qwen2.5-Math-1.5B."""


def random_policy(parent: Path, sizes: dict[str, int], deviation: float, characters: str | None = None) -> Path:
    """Writes a Qwen2 of these sizes (entries of its config.json) into a folder within `parent`.

    Args:
        deviation: standard deviation of a token's logits, which the last norm is scaled to.
        characters: the tokenizer's, which are the first of the model's tokens; None: bytes.
    """
    start = parent / "tokenizer"
    new_checkpoint(start, StartingModel(hidden_size=8, layers=1, heads=1), characters, max_positions=8)
    defaults: dict[str, Any] = {"max_position_embeddings": 128, "tie_word_embeddings": True, "bos_token_id": None}
    config = Qwen2Config(**defaults | sizes, eos_token_id=1, pad_token_id=0)
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=1, pad_token_id=0)
    with torch.no_grad():
        model.model.norm.weight.fill_(deviation / float(model.lm_head.weight.std() * config.hidden_size**0.5))
    save_policy(Policy(**vars(load_vocabulary(start)), model=model), parent / "policy", tokenizer_from=start)
    return parent / "policy"
