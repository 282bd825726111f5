"""Policies with an adapter: made from a base, refused where the model has no layers for it, and merged."""

import shutil
from dataclasses import replace
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from mtpipe.errors import MtpipeError
from mtpipe.hub import checkpoint_folder
from mtpipe.model.adapter import adapter_parameters, add_adapter, merge_adapter, target_layers, write_adapter
from mtpipe.model.adapter_folder import AdapterBase
from mtpipe.model.nf4 import check_blocks, check_nf4
from mtpipe.model.policy import Policy, load_policy, new_config, save_policy
from mtpipe.settings.model import Lora, StartingModel


def merged(policy: Policy) -> Policy:
    """The same policy with all weights of its own: its adapter is added to its model's, in place."""
    merge_adapter(policy.model)
    return replace(policy, adapter=None)


def write_merged(adapter: Path, folder: Path) -> None:
    """Writes the policy of an adapter's folder into a new one, with all weights of its own."""
    save_policy(merged(load_policy(adapter)), folder, tokenizer_from=adapter)


def new_adapter(base: Path, folder: Path, lora: Lora, seed: int) -> None:
    """Makes a new policy folder of a base's: its files but the weights, in whose place is an adapter of no effect.

    Raises MtpipeError if the base cannot be loaded or has no layers for such an adapter.
    """
    model = load_policy(base).model
    config = add_adapter(model, lora, seed)
    shutil.copytree(base, folder, ignore=shutil.ignore_patterns("model*.safetensors*"))
    write_adapter(dict(adapter_parameters(model)), config, AdapterBase.of(base, lora.base), folder)


def check_lora(
    start: StartingModel, lora: Lora, characters: str | None, max_positions: int, nf4_in_vllm: bool = False
) -> None:
    """Raises MtpipeError if the model that params.yaml asks for has no layers for such an adapter.

    Or if what the base's quantization needs is missing. The model is built of its configuration, without weights.

    Args:
        nf4_in_vllm: whether vLLM is to hold the base in 4 bits, which joins and divides layers.
    """
    if lora.base is not None:
        check_nf4()
    try:
        if start.checkpoint is None:
            config = new_config(start, characters, max_positions)
        else:
            config = AutoConfig.from_pretrained(
                checkpoint_folder(start.checkpoint), local_files_only=True, trust_remote_code=False
            )
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise MtpipeError(
            f"params.yaml: model.checkpoint is {start.checkpoint!r}, of which transformers makes no causal language "
            f"model: {str(error).splitlines()[0]}"
        ) from error
    target_layers(model, lora)
    if nf4_in_vllm:
        check_blocks(model)
