"""A model's sizes from its configuration alone: no weights are read or made."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from mtpipe.errors import MtpipeError
from mtpipe.model.adapter import target_layers
from mtpipe.model.linear_layers import linear_layers
from mtpipe.settings.model import Lora


@dataclass(frozen=True)
class ModelSize:
    """What memory and disk depend on; `key_value` is the width of a layer's keys, which its values share.

    `adapter` counts the parameters of an adapter, which alone are trained and stored; None if all are. `in_four_bits`
    are the parameters that sampling and update hold in 4 bits.
    """

    parameters: int
    layers: int
    hidden: int
    intermediate: int
    key_value: int
    vocabulary: int
    adapter: int | None = None
    in_four_bits: int = 0

    @property
    def trained(self) -> int:
        """The parameters that are trained."""
        return self.parameters if self.adapter is None else self.adapter


def read_config(path: Path) -> PretrainedConfig:
    """A transformers configuration from config.json, or from the checkpoint folder that holds it.

    Raises MtpipeError if there is none, or none that transformers knows.
    """
    folder = path if path.is_dir() else path.parent
    if not (folder / "config.json").is_file():
        raise MtpipeError(f"{path} is neither a config.json nor a folder with one; a checkpoint's folder has it")
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise MtpipeError(
            f"{folder / 'config.json'} is not a configuration that transformers knows: {error}"
        ) from error


def model_size(config: PretrainedConfig, lora: Lora | None = None) -> ModelSize:
    """Counts the parameters of the model on torch's meta device, tied embeddings once, and those of its adapter.

    Raises MtpipeError if the configuration is not that of a decoder with attention in every layer, or if the model has
    no layers for such an adapter.
    """
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
        heads = config.num_attention_heads
        head_width = getattr(config, "head_dim", None) or config.hidden_size // heads
        return ModelSize(
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            layers=config.num_hidden_layers,
            hidden=config.hidden_size,
            intermediate=config.intermediate_size,
            key_value=head_width * (getattr(config, "num_key_value_heads", None) or heads),
            vocabulary=config.vocab_size,
            adapter=None if lora is None else _adapter(model, lora),
            in_four_bits=_linear_weights(model) if lora is not None and lora.base else 0,
        )
    except (AttributeError, ValueError) as error:
        raise MtpipeError(f"the budget cannot size a model of type {config.model_type!r}: {error}") from error


def _linear_weights(model: PreTrainedModel) -> int:
    return sum(layer.weight.numel() for layer in linear_layers(model).values())


def _adapter(model: PreTrainedModel, lora: Lora) -> int:
    """A has the rank's rows as wide as what a layer reads, B its columns as high as what it gives."""
    return sum(lora.rank * (layer.in_features + layer.out_features) for layer in target_layers(model, lora).values())
