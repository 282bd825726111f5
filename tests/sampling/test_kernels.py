"""The draw's kernels against float64, on a GPU or by Triton's interpreter; and against the draw without them."""

from collections.abc import Callable
from functools import partial
from itertools import product

import pytest
import torch
from logits import KINDS, LARGE, language_like, uniforms
from torch import Tensor
from triton_process import needs_triton, run_by_triton

from mtpipe.sampling.drawing.blocks import draw_by_blocks
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.rules.rule import ResolvedRule
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import NONE

pytestmark = [needs_triton, pytest.mark.slow]

ROUNDING = 1e-6
BY_ENTROPY = ResolvedEntropyThreshold(low=0.7, high=1.3, threshold=2.0)


@pytest.fixture(scope="module")
def draw():
    """Tokens, log-probs, temperatures and entropies by the kernels."""
    with run_by_triton() as run:
        yield partial(run, draw_by_kernels)


def draw_by_kernels(logits: Tensor, rule: ResolvedRule, numbers: Tensor) -> tuple[Tensor, ...]:
    from mtpipe.sampling.drawing import kernels

    return kernels.draw_by_kernels(logits, temperatures_of(rule, logits), numbers)


def temperatures_of(rule: ResolvedRule, logits: Tensor) -> Callable[[Tensor], Tensor]:
    rules = RowTemperatures([rule] * len(logits), logits.device)
    positions = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
    return lambda entropies: rules.at(entropies, positions)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("vocabulary", "temperature"), [*product((1025, 5000), (0.05, 1.0, 10.0)), (LARGE, 0.05), (LARGE, 10.0)]
)
def test_tokens_log_probs_and_entropies_are_those_of_exact_arithmetic(draw, kind, temperature, vocabulary):
    logits, numbers = KINDS[kind](2, vocabulary), uniforms(2)
    tokens, logprobs, temperatures, entropies = draw(logits, ResolvedUniform(temperature=temperature), numbers)
    torch.testing.assert_close(temperatures, torch.full_like(temperatures, temperature))
    exact = (logits.double() / temperature).log_softmax(-1)
    torch.testing.assert_close(logprobs, exact.gather(1, tokens[:, None]).squeeze(1).float(), atol=1e-5, rtol=0)
    expected = torch.special.entr(logits.double().softmax(-1)).sum(-1).float()
    torch.testing.assert_close(entropies, expected, atol=1e-5, rtol=1e-6)
    of_token = exact.exp().gather(1, tokens[:, None]).squeeze(1)
    upto = exact.exp().cumsum(-1).gather(1, tokens[:, None]).squeeze(1)
    assert (of_token > 0).all()
    assert (upto > numbers - ROUNDING).all()
    assert (upto - of_token < numbers + ROUNDING).all()


def test_without_kernels_the_same_is_drawn(draw):
    logits, numbers = language_like(24, 5000), uniforms(24)
    ours = draw(logits, BY_ENTROPY, numbers)
    plain = draw_by_blocks(logits, temperatures_of(BY_ENTROPY, logits), numbers, NONE, record_masks=False)
    assert ours[0].equal(plain[0])
    for one, other in zip(ours[1:], plain[1:4], strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [1, 7])
def test_a_row_is_the_same_to_the_bit_in_batches_of_any_size(draw, size):
    logits, numbers = language_like(14, 3000), uniforms(14)
    parts = [draw(logits[at : at + size], BY_ENTROPY, numbers[at : at + size]) for at in range(0, 14, size)]
    whole = draw(logits, BY_ENTROPY, numbers)
    assert all(torch.cat(column).equal(of_all) for column, of_all in zip(zip(*parts, strict=True), whole, strict=True))


def test_a_temperature_that_is_no_number_gives_a_token_of_the_vocabulary(draw):
    logits = language_like(2, 2000)
    broken = ResolvedUniform.model_construct(temperature=float("nan"))
    tokens, _, temperatures, *_ = draw(logits, broken, uniforms(2))
    assert temperatures.isnan().all()
    assert (tokens < logits.shape[1]).all()
