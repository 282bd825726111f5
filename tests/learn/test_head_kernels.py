"""The kernels of the update's head against float64 and autograd, on a GPU or by Triton's interpreter."""

import pytest
import torch
from logits import KINDS
from triton_process import needs_triton, run_by_triton

from mtpipe.learn.scoring.readings import Slopes, read_by_kernel, to_gradient_by_kernel_

pytestmark = [needs_triton, pytest.mark.slow]

TOKENS, VOCABULARIES = 3, (18, 2050)
HEAT = torch.tensor([[0.05], [1.3], [10.0]])


@pytest.fixture(scope="module")
def run():
    with run_by_triton() as run:
        yield run


def exact(logits: torch.Tensor, heat: torch.Tensor):
    """Log-probs and entropies in float64."""
    logprobs = (logits / heat.double()).log_softmax(-1)
    kept = logprobs.masked_fill(logits == -torch.inf, 0.0)
    return logprobs, -(logprobs.exp() * kept).sum(-1, keepdim=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_one_reading_gives_both_distributions(run, kind, vocabulary):
    logits = KINDS[kind](TOKENS, vocabulary)
    for found, heat in zip(run(read_by_kernel, logits, HEAT, None), (HEAT, torch.ones_like(HEAT)), strict=True):
        logprobs, entropies = exact(logits.double(), heat)
        torch.testing.assert_close(found.entropy.double(), entropies, atol=1e-5, rtol=1e-5)
        targets = logits.argmax(-1, keepdim=True)
        torch.testing.assert_close(
            found.logprob(logits, targets).double(), logprobs.gather(1, targets), atol=1e-5, rtol=0
        )


@pytest.mark.parametrize("softcap", [None, 4.0])
@pytest.mark.parametrize("ups", [(True, False), (False, True), (True, True)], ids=["log-prob", "entropy", "both"])
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_gradients_are_those_of_autograd(run, vocabulary, ups, softcap):
    before = KINDS["like a language model's"](TOKENS, vocabulary).double().requires_grad_()
    logits = before if softcap is None else softcap * torch.tanh(before / softcap)
    targets = torch.tensor([[0], [vocabulary - 1], [vocabulary // 2]])
    slopes = torch.tensor([[[0.7], [-1.1], [0.3]], [[0.2], [0.5], [-0.4]]])
    loss, terms = 0, []
    own = logits.detach().float()
    distributions = run(read_by_kernel, own, HEAT, None)
    for number, heat in enumerate((HEAT, torch.ones_like(HEAT))):
        logprobs, entropies = exact(logits, heat)
        of_logprob, of_entropy = (slopes[number] if up else None for up in ups)
        if of_logprob is not None:
            loss = loss + (logprobs.gather(1, targets) * of_logprob).sum()
        if of_entropy is not None:
            loss = loss + (entropies * of_entropy).sum()
        terms.append(Slopes(distributions[number], of_logprob, of_entropy))
    (expected,) = torch.autograd.grad(loss, before)
    found = run(to_gradient_by_kernel_, own, targets, terms, softcap)
    torch.testing.assert_close(found.double(), expected, atol=2e-5, rtol=1e-4)


def test_a_token_that_was_left_out_gets_no_gradient(run):
    logits = KINDS["with -inf"](TOKENS, 2050)
    targets = logits.argmax(-1, keepdim=True)
    (tempered,) = run(read_by_kernel, logits, HEAT)
    one = torch.ones(TOKENS, 1)
    found = run(to_gradient_by_kernel_, logits.clone(), targets, [Slopes(tempered, one, one)], None)
    assert found.isfinite().all()
    assert (found[logits == -torch.inf] == 0).all()
    assert (found != 0).any()
