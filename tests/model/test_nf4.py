"""A base in 4 bits: the paper's quantiles, a layer that computes in the type it is asked for, and what is stored."""

import copy
from pathlib import Path

import pytest
import torch
from adapters import moved, needs_bitsandbytes
from scipy.stats import norm
from torch import nn

from mtpipe.errors import MtpipeError
from mtpipe.files import read_json
from mtpipe.model.adapter import adapter_parameters
from mtpipe.model.adapter_policy import check_lora, merged, new_adapter
from mtpipe.model.nf4 import BLOCK, Nf4Linear, dequantize, from_nf4, nf4_linear, to_nf4
from mtpipe.model.policy import load_policy, new_checkpoint
from mtpipe.settings.model import NF4, Lora, Model
from mtpipe.tasks.synthetic.arithmetic import VOCABULARY

pytestmark = pytest.mark.slow

IDS = torch.arange(2, 12)[None]


@pytest.fixture(autouse=True)
def _bitsandbytes(request):
    if "missing" not in request.node.name:
        needs_bitsandbytes()


@pytest.fixture
def lora():
    return Lora(rank=4, alpha=6.0, targets=["q_proj", "down_proj"], base=NF4)


def quantiles() -> torch.Tensor:
    """The 16 values of the paper's appendix E: 0, 7 negative and 8 positive ones, to -1 and 1."""
    offset = (1 - 1 / 32 + 1 - 1 / 30) / 2
    positive = norm.ppf([offset + (0.5 - offset) * k / 8 for k in range(8)])
    negative = -norm.ppf([offset + (0.5 - offset) * k / 7 for k in range(7)])
    values = torch.tensor([*negative, 0.0, *positive[::-1]], dtype=torch.float32)
    return values / values.max()


def rounded(weight: torch.Tensor) -> torch.Tensor:
    """A weight by hand: each element is the nearest quantile, times the largest of its block."""
    blocks = weight.reshape(-1, BLOCK)
    scales = blocks.abs().amax(1, keepdim=True)
    nearest = (blocks / scales)[..., None].sub(quantiles()).abs().argmin(-1)
    return (quantiles()[nearest] * scales).reshape(weight.shape)


ROWS = (128, 32, 160)
"""Numbers a layer reads: whole blocks, half a block, and two and a half, of which a kernel may lose count."""


@pytest.mark.parametrize("width", ROWS)
def test_a_weight_is_rounded_to_the_papers_quantiles_in_4_and_a_half_bits(width):
    weight = torch.randn(48, width, generator=torch.Generator().manual_seed(0))
    codes, scales = to_nf4(weight)
    assert 8 * (codes.nbytes + scales.nbytes) == 4.5 * weight.numel()
    torch.testing.assert_close(from_nf4(codes, scales, weight.shape), rounded(weight), atol=1e-5, rtol=0)


def test_a_weight_depends_on_its_block_alone_so_joined_and_divided_layers_have_the_same():
    one, other = (
        torch.randn(2, 32, 64, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 30])[:, None, None]
    )
    joined = torch.cat([one, other])
    assert torch.equal(from_nf4(*to_nf4(joined), joined.shape), torch.cat([rounded_by_us(one), rounded_by_us(other)]))


def rounded_by_us(weight: torch.Tensor) -> torch.Tensor:
    return from_nf4(*to_nf4(weight), weight.shape)


@pytest.mark.parametrize("rows", [1, 7])
def test_a_layer_computes_in_the_type_of_its_input_and_of_autocast(rows, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(64, 32)
    four_bit, plain = Nf4Linear(layer), Nf4Linear(layer).as_linear()
    x = torch.randn(rows, 64, generator=generator)
    torch.testing.assert_close(four_bit(x), plain(x), atol=1e-6, rtol=0)
    coarse = copy.deepcopy(plain).bfloat16()
    torch.testing.assert_close(four_bit(x.bfloat16()), coarse(x.bfloat16()), atol=0.02, rtol=0)
    torch.testing.assert_close(four_bit(x), plain(x), atol=1e-6, rtol=0)  # no type of before is kept
    types = []
    monkeypatch.setattr(
        "mtpipe.model.nf4.nf4_linear", lambda x, *others: types.append(x.dtype) or nf4_linear(x, *others)
    )
    with torch.autocast("cpu", torch.bfloat16):
        assert four_bit(x).dtype == torch.bfloat16
    assert types == [torch.bfloat16], "a GPU's kernel knows nothing of autocast"


@pytest.mark.parametrize("width", ROWS)
def test_the_backward_pass_keeps_no_weight_in_full(width):
    weight = torch.randn(256, width, generator=torch.Generator().manual_seed(0))
    codes, scales = to_nf4(weight)
    x = torch.randn(3, width, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.nbytes) or tensor, lambda t: t):
        out = nf4_linear(x, codes, scales, weight.shape, None)
    assert sum(kept) < weight.nbytes / 4
    [found] = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(found, from_nf4(codes, scales, weight.shape).sum(0).expand(3, -1), atol=1e-4, rtol=0)


def test_all_linear_layers_but_the_head_are_in_4_bits_also_those_without_an_adapter(adapter_folder, base):
    policy, plain = load_policy(adapter_folder), load_policy(base)
    held = {name for name, module in policy.model.named_modules() if isinstance(module, Nf4Linear)}
    assert len(held) == 7 * 2
    head = policy.model.get_output_embeddings()
    assert type(head) is nn.Linear
    assert head.weight is policy.model.get_input_embeddings().weight
    with torch.no_grad():
        for name, module in plain.model.named_modules():
            if isinstance(module, nn.Linear) and name != "lm_head":
                module.weight.copy_(rounded(module.weight))
        expected, found = plain.model(input_ids=IDS).logits, policy.model(input_ids=IDS).logits
    torch.testing.assert_close(found, expected, atol=1e-3 * expected.abs().max().item(), rtol=0)
    assert (load_policy(base).model(input_ids=IDS).logits - found).abs().max() > 0.1


def test_the_codes_are_those_of_float32_whatever_is_computed_in(adapter_folder):
    exact, coarse = load_policy(adapter_folder), load_policy(adapter_folder, dtype=torch.bfloat16, sampled=True)
    assert coarse.model.dtype == torch.bfloat16
    assert {parameter.dtype for parameter in adapter_parameters(coarse.model).values()} == {torch.bfloat16}
    for name, module in exact.model.named_modules():
        if isinstance(module, Nf4Linear):
            other = coarse.model.get_submodule(name)
            assert torch.equal(module.weight, other.weight)
            assert torch.equal(module.get_buffer("scales"), other.get_buffer("scales"))


def test_out_of_4_bits_and_merged_the_policy_is_the_same(adapter_folder, tmp_path):
    own = moved(adapter_folder, tmp_path / "run" / "round1")
    again = load_policy(tmp_path / "run" / "round1")
    with torch.no_grad():
        logprobs = own.model(input_ids=IDS).logits.log_softmax(-1)
        assert torch.equal(again.model(input_ids=IDS).logits.log_softmax(-1), logprobs)
        dequantize(own.model)
        torch.testing.assert_close(own.model(input_ids=IDS).logits.log_softmax(-1), logprobs, atol=1e-5, rtol=0)
        found = merged(again).model
        torch.testing.assert_close(found(input_ids=IDS).logits.log_softmax(-1), logprobs, atol=1e-5, rtol=0)
    assert {type(layer) for layer in found.modules() if isinstance(layer, nn.Linear)} == {nn.Linear}
    assert read_json(tmp_path / "run" / "round1" / "base.json")["quantization"] == NF4


def test_a_model_whose_weights_dominate_takes_an_eighth_but_for_its_scales(params, tmp_path):
    """4.2 million weights, of which a vocabulary of 18 has hardly any."""
    sizes = params.model.model_copy(update={"hidden_size": 256, "layers": 4, "heads": 4})
    new_checkpoint(tmp_path / "base", sizes, VOCABULARY, max_positions=128)
    held = {}
    for base in (None, NF4):
        new_adapter(tmp_path / "base", tmp_path / str(base), Lora(rank=4, base=base), seed=0)
        model = load_policy(tmp_path / str(base)).model
        frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
        held[base] = sum(tensor.nbytes for tensor in (*frozen, *model.buffers()))
    assert held[NF4] == pytest.approx(4.5 / 32 * held[None], rel=0.03)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="Linux alone says what a process has mapped")
def test_a_base_in_4_bits_lets_the_file_with_its_weights_go(adapter_folder, base):
    """Its norms and its embedding, which stay in full, would hold the whole file."""
    policy = load_policy(adapter_folder)
    assert any(isinstance(module, Nf4Linear) for module in policy.model.modules())
    assert str(base / "model.safetensors") not in Path("/proc/self/maps").read_text()


def test_a_missing_bitsandbytes_is_an_error_before_anything_is_sampled(monkeypatch):
    monkeypatch.setattr("mtpipe.model.nf4.find_spec", lambda name: None)
    with pytest.raises(MtpipeError, match=r"model\.lora\.base\) needs bitsandbytes, which is missing; pip install"):
        check_lora(Model(hidden_size=32, layers=1), Lora(base=NF4), VOCABULARY, 64)
    check_lora(Model(hidden_size=32, layers=1), Lora(rank=4), VOCABULARY, 64)


def test_a_layer_whose_rows_are_not_blocks_is_an_error_where_vllm_is_to_hold_it():
    """The torch engine lets a block reach over the end of a row; vLLM divides and joins rows."""
    small = Model(hidden_size=96, layers=1)
    with pytest.raises(MtpipeError, match=r"sampling\.vllm\.quantization is nf4, and .*q_proj reads 96 numbers"):
        check_lora(small, Lora(base=NF4), VOCABULARY, 64, nf4_in_vllm=True)
    check_lora(small, Lora(base=NF4), VOCABULARY, 64)
    check_lora(Model(hidden_size=64, layers=1), Lora(base=NF4), VOCABULARY, 64, nf4_in_vllm=True)
