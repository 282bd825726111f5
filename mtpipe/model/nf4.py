"""Linear layers whose weights are held in 4 bits (NF4, QLoRA, arXiv 2305.14314), by bitsandbytes' kernels.

A weight is one of 16 quantiles of a normal distribution times the scale of its block, 64 weights of a row; a scale is
float32. That is 4.5 bits a weight. The paper's second step, scales in 8 bits, is left out: with it a weight would
depend on the whole tensor, and so on whether an engine has joined or divided layers.

The layer is ours: on processors with AVX512-BF16 bitsandbytes' own one computes float32 in bfloat16, and under autocast
it keeps the type that it was made with. On processors with AVX512 its kernel begins a block anew in each row, so that
weights come out wrong whose rows are not whole blocks (version 0.50.2); those are read here as rows of one block.
"""

from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from mtpipe.errors import MtpipeError
from mtpipe.model.linear_layers import linear_layers

BLOCK = 64
"""Weights that share a scale."""
_KIND = "nf4"

INSTALL = "pip install -e '.[qlora]'"


def check_nf4() -> None:
    """Raises MtpipeError if bitsandbytes is missing."""
    if not find_spec("bitsandbytes"):
        raise MtpipeError(f"a base in nf4 (model.lora.base) needs bitsandbytes, which is missing; {INSTALL}")


def check_blocks(model: PreTrainedModel) -> None:
    """Raises MtpipeError if a block would reach over the end of a row, where vLLM joins and divides weights."""
    for name, layer in linear_layers(model).items():
        if layer.in_features % BLOCK:
            raise MtpipeError(
                f"params.yaml: sampling.vllm.quantization is {_KIND}, and {name} reads {layer.in_features} numbers, "
                f"which are not blocks of {BLOCK}; take another model, or sampling.engine torch"
            )


def to_nf4(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Codes, two in a byte (uint8, [size / 2, 1]), and scales (float32, [blocks]) of a weight [out, in]."""
    from bitsandbytes.functional import quantize_4bit

    codes, state = quantize_4bit(weight, blocksize=BLOCK, compress_statistics=False, quant_type=_KIND)
    return codes, state.absmax


def from_nf4(codes: Tensor, scales: Tensor, shape: torch.Size, dtype: torch.dtype = torch.float32) -> Tensor:
    """The weight that codes and scales stand for."""
    from bitsandbytes.functional import dequantize_4bit

    size = shape.numel()
    rows = torch.Size((1, size) if size % BLOCK else (size // BLOCK, BLOCK))
    weight: Tensor = dequantize_4bit(codes, _state(scales, rows, dtype))
    return weight.view(shape)


def nf4_linear(x: Tensor, codes: Tensor, scales: Tensor, shape: torch.Size, bias: Tensor | None) -> Tensor:
    """x W' + bias in x's type, [..., in] to [..., out]; backward it keeps no weight in full."""
    from bitsandbytes import matmul_4bit

    bias = None if bias is None else bias.to(x.dtype)
    if x.device.type != "cpu" or shape[1] % BLOCK == 0:
        out: Tensor = matmul_4bit(x, codes, _state(scales, shape, x.dtype), bias=bias)
        return out
    out = _RowsOfPartsOfBlocks.apply(x, codes, scales, shape)
    return out if bias is None else out + bias


class _RowsOfPartsOfBlocks(torch.autograd.Function):
    """x W', where a block may reach over the end of a row."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, codes: Tensor, scales: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(codes, scales)
        ctx.shape = shape
        return x @ from_nf4(codes, scales, shape, x.dtype).T

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        codes, scales = ctx.saved_tensors
        return gradient @ from_nf4(codes, scales, ctx.shape, gradient.dtype), None, None, None


def _state(scales: Tensor, shape: torch.Size, dtype: torch.dtype) -> object:
    from bitsandbytes.functional import QuantState

    return QuantState(absmax=scales, shape=shape, blocksize=BLOCK, quant_type=_KIND, dtype=dtype)


class Nf4Linear(nn.Linear):
    """A linear layer in 4 bits, which has no gradient; its bias stays as it is."""

    def __init__(self, layer: nn.Linear):
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        codes, scales = to_nf4(layer.weight.detach())
        self.weight = nn.Parameter(codes, requires_grad=False)
        self.register_buffer("scales", scales, persistent=False)
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        return nf4_linear(x, self.weight, self.get_buffer("scales"), self._shape, self.bias)

    def as_linear(self) -> nn.Linear:
        """The layer with the weight in float32 that it computes with."""
        layer = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        layer.weight = nn.Parameter(from_nf4(self.weight, self.get_buffer("scales"), self._shape))
        layer.bias = self.bias
        return layer

    @property
    def _shape(self) -> torch.Size:
        return torch.Size((self.out_features, self.in_features))


def quantize(model: PreTrainedModel) -> None:
    """Puts every linear layer but the output head into 4 bits, in place; raises MtpipeError without bitsandbytes."""
    check_nf4()
    for name, layer in linear_layers(model).items():
        model.set_submodule(name, Nf4Linear(layer))


def dequantize(model: PreTrainedModel) -> None:
    """Takes linear layers out of 4 bits again, in place; they compute what they did."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, Nf4Linear):
            model.set_submodule(name, layer.as_linear())
