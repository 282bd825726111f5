"""An adapter (LoRA, arXiv 2106.09685) on a model, by peft: made, read, written, and switched off.

The model stays the transformers model that it was: peft puts its layers in the place of linear ones, which then give
W x + (alpha / rank) B A x. Their A and B alone have gradients.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from mtpipe.errors import MtpipeError
from mtpipe.files import bring_back, write_json
from mtpipe.model.adapter_folder import CONFIG, WEIGHTS, AdapterBase, adapter_config
from mtpipe.model.linear_layers import linear_layers
from mtpipe.model.nf4 import dequantize
from mtpipe.settings.model import ALL_LINEAR, Lora

_NAME = "default"
"""peft's name for a model's only adapter; it stands in the names of parameters and not in those of a file."""

_PREFIX = "base_model.model."
"""What peft's files have before the names of parameters."""
_STORED = re.compile(re.escape(_PREFIX) + r"(.+\.lora_)([AB])\.weight")
_OTHER = {"A": "B", "B": "A"}
_FREE = {"r", "lora_alpha", "target_modules", "base_model_name_or_path", "inference_mode", "peft_version"}
"""Entries of peft's configuration in which adapters may differ."""


class _AdapterLayer(Protocol):
    def set_scale(self, adapter: str, scale: float) -> None: ...


def target_layers(model: PreTrainedModel, lora: Lora) -> dict[str, nn.Linear]:
    """The layers that an adapter is put on, by their names.

    `all-linear` are all linear layers but the output head. Otherwise a target is a layer's name, or how it ends, such
    as q_proj.

    Raises MtpipeError for a target that is none of them, and for a rank above a layer's size.
    """
    linear = linear_layers(model)
    if not linear:
        raise MtpipeError(
            f"params.yaml: model.lora is set, and {type(model).__name__} has no linear layer besides its output head; "
            f"set model.lora to null"
        )
    wanted = _endings(linear) if lora.targets == ALL_LINEAR else lora.targets
    found: dict[str, nn.Linear] = {}
    for target in wanted:
        fitting = {name: module for name, module in linear.items() if f".{name}".endswith(f".{target}")}
        if not fitting:
            raise MtpipeError(
                f"params.yaml: model.lora.targets has {target!r}, and no layer of {type(model).__name__} that can have "
                f"an adapter is called so; give {ALL_LINEAR}, or some of {', '.join(_endings(linear))}"
            )
        found |= fitting
    for name, module in found.items():
        if lora.rank > min(module.in_features, module.out_features):
            raise MtpipeError(
                f"params.yaml: model.lora.rank is {lora.rank}, and {name} is a layer from {module.in_features} to "
                f"{module.out_features}, whose changes have at most the rank "
                f"{min(module.in_features, module.out_features)}; lower the rank, or leave the layer out of targets"
            )
    return found


def _endings(linear: dict[str, nn.Linear]) -> list[str]:
    return sorted({name.rpartition(".")[2] for name in linear})


def add_adapter(model: PreTrainedModel, lora: Lora, seed: int) -> dict[str, Any]:
    """Puts a new adapter on a model, which changes none of its outputs yet, and returns peft's configuration of it.

    A is drawn from the seed, as peft does it; B is 0.

    Raises MtpipeError as `target_layers` does.
    """
    from peft import LoraConfig

    targets = _targets_for_peft(model, lora)
    torch.manual_seed(seed)
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=targets, task_type="CAUSAL_LM")  # type: ignore[arg-type]
    return _inject(model, config)


def _targets_for_peft(model: PreTrainedModel, lora: Lora) -> list[str]:
    """How the layers' names end, or their whole names where other modules' end so too: a block called 0, say."""
    layers = target_layers(model, lora)
    endings = _endings(layers) if lora.targets == ALL_LINEAR else sorted(set(lora.targets))
    named = [name for name, _ in model.named_modules() if any(f".{name}".endswith(f".{each}") for each in endings)]
    return endings if len(named) == len(layers) else sorted(layers)


def read_adapter(model: PreTrainedModel, folder: Path) -> dict[str, Any]:
    """Puts the adapter in a folder on its base's model, and returns peft's configuration of it.

    Raises MtpipeError as `stored_parameters` does, and for an adapter for other layers or of another rank.
    """
    from peft import LoraConfig

    stored = stored_parameters(folder)
    try:
        config = LoraConfig.from_pretrained(str(folder))
        config.inference_mode = False
        kept = _inject(model, config)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise MtpipeError(f"{folder} is not readable as an adapter: {error}; {bring_back(folder)}") from error
    parameters = adapter_parameters(model)
    shapes = {name: tuple(tensor.shape) for name, tensor in stored.items()}
    if shapes != {name: tuple(parameter.shape) for name, parameter in parameters.items()}:
        raise MtpipeError(f"{folder}/{WEIGHTS} has other layers, or another rank, than {CONFIG} says of its base")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(stored[name])
    return kept


def _inject(model: PreTrainedModel, config: Any) -> dict[str, Any]:
    from peft import inject_adapter_in_model

    inject_adapter_in_model(config, model, adapter_name=_NAME)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(_is_adapters(name))
    kept: dict[str, Any] = config.to_dict()
    return kept


def _is_adapters(name: str) -> bool:
    return f".{_NAME}." in name and re.search(r"\.lora_[AB]\.", name) is not None


def adapter_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters of a model's adapter, by their names; they alone are trained."""
    return {name: parameter for name, parameter in model.named_parameters() if _is_adapters(name)}


def stored_parameters(folder: Path) -> dict[str, Tensor]:
    """The tensors of the adapter in a folder, by the names of a model's parameters.

    Raises MtpipeError if the files are not readable, if a tensor is not finite, or if they are not those of an adapter
    that makes W x + (alpha / rank) B A x of W x and nothing else.
    """
    rank, remedy = _checked_rank(folder), f"delete {folder} and run `dvc repro`"
    try:
        found = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise MtpipeError(f"{folder / WEIGHTS} is not readable as an adapter: {error}; {remedy}") from error
    parameters = {}
    for name, tensor in found.items():
        parts = _STORED.fullmatch(name)
        if not parts or f"{_PREFIX}{parts[1]}{_OTHER[parts[2]]}.weight" not in found:
            raise MtpipeError(f"{folder / WEIGHTS} has {name!r}, which is not one of a layer's A and B; {remedy}")
        if tensor.dim() != 2 or tensor.shape["AB".index(parts[2])] != rank:
            raise MtpipeError(
                f"{folder / WEIGHTS}: {name} is {list(tensor.shape)}, and {CONFIG} has r {rank}; {remedy}"
            )
        if tensor.dtype not in (torch.float32, torch.bfloat16, torch.float16):
            raise MtpipeError(f"{folder / WEIGHTS}: {name} is of type {tensor.dtype}; expected float32; {remedy}")
        if not tensor.isfinite().all():
            raise MtpipeError(f"{folder / WEIGHTS}: {name} has values that are not finite; {remedy}")
        parameters[f"{parts[1]}{parts[2]}.{_NAME}.weight"] = tensor
    return parameters


def _checked_rank(folder: Path) -> int:
    """An adapter's rank; raises MtpipeError if its configuration asks for something that new adapters do not have.

    peft passes over what it does not know, such as what a later version has added: here it has to be off.
    """
    from peft import LoraConfig

    found = adapter_config(folder)
    plain = LoraConfig(r=found["r"], lora_alpha=found["lora_alpha"], task_type="CAUSAL_LM").to_dict()
    plain["peft_type"] = str(LoraConfig().peft_type.value)
    for key, value in found.items():
        if key not in _FREE and value != plain.get(key) and (key in plain or value):
            raise MtpipeError(
                f"{folder / CONFIG}: {key} is {value!r}; expected {plain.get(key)!r}, as in adapters made here; add "
                f"the adapter to its base's weights by peft's merge_and_unload, and give model.checkpoint the result"
            )
    return int(found["r"])


def write_adapter(tensors: dict[str, Tensor], config: dict[str, Any], base: AdapterBase, folder: Path) -> None:
    """Writes an adapter's tensors, by the names of a model's parameters, as peft does, and the base it belongs to.

    peft keeps names of layers in sets; here they are sorted, so that the same adapter is the same file.
    """
    stored = {_PREFIX + name.replace(f".{_NAME}.", "."): tensor.contiguous() for name, tensor in tensors.items()}
    save_file(stored, folder / WEIGHTS, metadata={"format": "pt"})
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in config.items()}
    plain |= {"base_model_name_or_path": base.folder.as_posix(), "inference_mode": True}
    write_json(folder / CONFIG, plain)
    base.write(folder)


@contextmanager
def adapter_off(model: nn.Module) -> Iterator[None]:
    """The model as its base alone, for as long as this lasts.

    By a scale of 0: peft's own switch takes the parameters' gradients away, and FSDP2 remembers that.
    """
    layers: Sequence[_AdapterLayer] = [module for module in model.modules() if hasattr(module, "lora_A")]  # type: ignore[misc]
    for layer in layers:
        layer.set_scale(_NAME, 0.0)
    try:
        yield
    finally:
        for layer in layers:
            layer.set_scale(_NAME, 1.0)


def merge_adapter(model: PreTrainedModel) -> None:
    """Adds an adapter to its base's weights, in place, and leaves the model's own layers alone behind.

    A base in 4 bits comes out of them first: rounded again, the sum would be another policy.
    """
    changes: dict[str, Tensor] = {}
    for name, layer in [(name, module) for name, module in model.named_modules() if hasattr(module, "lora_A")]:
        changes[name] = layer.get_delta_weight(_NAME)  # type: ignore[operator]
        model.set_submodule(name, layer.get_base_layer())  # type: ignore[operator]
    dequantize(model)
    with torch.no_grad():
        for name, change in changes.items():
            model.get_parameter(f"{name}.weight").add_(change)
    del model.peft_config
