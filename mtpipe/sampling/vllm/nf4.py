"""A base in 4 bits inside vLLM, whose 0.32 has no such method: its values are those that the update trains on.

Importing this module makes `nf4` one of vLLM's quantization methods. Weights are read in the engine's type and then put
into 4 bits, layer by layer, when all are read.
"""

from typing import Any

import torch
from torch import Tensor, nn
from vllm.model_executor.layers.linear import LinearBase, UnquantizedLinearMethod
from vllm.model_executor.layers.quantization import register_quantization_config
from vllm.model_executor.layers.quantization.base_config import QuantizationConfig

from mtpipe.model.nf4 import BLOCK, nf4_linear, to_nf4
from mtpipe.settings.model import NF4


@register_quantization_config(NF4)
class Nf4Method(QuantizationConfig):  # type: ignore[misc]
    """Linear layers in 4 bits; embedding, output head and experts in one tensor stay as they are."""

    def get_name(self) -> str:
        return NF4

    def get_supported_act_dtypes(self) -> list[torch.dtype]:
        return [torch.float32, torch.bfloat16, torch.float16]

    @classmethod
    def get_min_capability(cls) -> int:
        return 75  # of what bitsandbytes' kernels are built for

    @staticmethod
    def get_config_filenames() -> list[str]:
        return []

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Nf4Method":
        return cls()

    def get_quant_method(self, layer: nn.Module, prefix: str) -> "Nf4LinearMethod | None":
        return Nf4LinearMethod() if isinstance(layer, LinearBase) else None


class Nf4LinearMethod(UnquantizedLinearMethod):  # type: ignore[misc]
    """Reads a layer's weights as vLLM does, and keeps codes and scales of them."""

    supports_pre_processed_weights = False

    def process_weights_after_loading(self, layer: nn.Module) -> None:
        """Raises ValueError if a block would reach over the end of a row, where vLLM joins and divides weights."""
        weight: Tensor = layer.weight.data  # type: ignore[assignment]
        if weight.shape[1] % BLOCK:
            raise ValueError(f"a layer reads {weight.shape[1]} numbers, and nf4 takes them in blocks of {BLOCK}")
        codes, scales = to_nf4(weight)
        layer.weight = nn.Parameter(codes, requires_grad=False)
        layer.scales = nn.Parameter(scales, requires_grad=False)
        layer.nf4_shape = weight.shape  # type: ignore[assignment]

    def apply(self, layer: nn.Module, x: Tensor, bias: Tensor | None = None) -> Tensor:
        return nf4_linear(x, layer.weight, layer.scales, layer.nf4_shape, bias)  # type: ignore[arg-type]
