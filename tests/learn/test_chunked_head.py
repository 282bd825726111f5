import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from mtpipe.learn.scoring.chunked_head import logprobs_at, token_scores
from mtpipe.learn.scoring.sequences import entropies, tempered_logprobs
from mtpipe.temperature.masks import EDGE, Masks

HIDDEN = 24


def made(tokens: int, vocabulary: int, bias: bool, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(tokens, HIDDEN, generator=generator, requires_grad=True)
    weight = torch.randn(vocabulary, HIDDEN, generator=generator, requires_grad=True)
    offset = torch.randn(vocabulary, generator=generator, requires_grad=True) if bias else None
    targets = torch.randint(vocabulary, (tokens,), generator=generator)
    temperatures = torch.rand(tokens, generator=generator) + 0.4
    return hidden, weight, offset, targets, temperatures


def plain_logits(hidden, weight, bias, softcap):
    logits = torch.nn.functional.linear(hidden, weight, bias)
    return softcap * torch.tanh(logits / softcap) if softcap else logits


def plain(hidden, weight, bias, softcap, targets, temperatures, dropped):
    logits = plain_logits(hidden, weight, bias, softcap)
    cut = logits.masked_fill(dropped, float("-inf"))
    tempered, entropy_tempered = tempered_logprobs(cut, targets, temperatures)
    untempered, entropy = tempered_logprobs(logits, targets, torch.ones_like(temperatures))
    return tempered, untempered, entropy_tempered, entropy


@settings(max_examples=40, deadline=None)
@given(
    tokens=st.integers(1, 30),
    vocabulary=st.integers(2, 60),
    chunk=st.integers(1, 40),
    bias=st.booleans(),
    softcap=st.sampled_from([None, 5.0]),
    used=st.sampled_from(["tempered", "untempered", "both"]),
    truncated=st.booleans(),
    at_one=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_chunks_change_neither_values_nor_gradients(tokens, vocabulary, chunk, bias, softcap, used, truncated, at_one):
    hidden, weight, offset, targets, temperatures = made(tokens, vocabulary, bias)
    temperatures[: round(at_one * tokens)] = 1.0
    leaves = [leaf for leaf in (hidden, weight, offset) if leaf is not None]
    slopes = torch.linspace(-1, 2, tokens)

    def gradients(tempered, untempered):
        loss = {"tempered": tempered, "untempered": untempered, "both": tempered * untempered}[used]
        return torch.autograd.grad((loss * slopes).sum(), leaves)

    dropped = torch.rand(tokens, vocabulary, generator=torch.Generator().manual_seed(1)) < 0.6 * truncated
    dropped[torch.arange(tokens), targets] = False
    expected = plain(hidden, weight, offset, softcap, targets, temperatures, dropped)
    masks = Masks.pack(~dropped) if truncated else None
    scores = token_scores(hidden, weight, offset, softcap, targets, temperatures, chunk, masks)
    found = (scores.tempered, scores.untempered, scores.entropy_tempered, scores.entropy)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(gradients(*found[:2]), gradients(*expected[:2]), strict=True):
        assert (
            ours - theirs
        ).norm() <= 1e-5 * theirs.norm() + 1e-5  # a token that is left alone has no gradient at all


@settings(max_examples=30, deadline=None)
@given(
    tokens=st.integers(1, 20),
    vocabulary=st.integers(2, 40),
    chunk=st.integers(1, 30),
    bias=st.booleans(),
    softcap=st.sampled_from([None, 5.0]),
    truncated=st.booleans(),
)
def test_the_entropies_gradient_is_that_of_autograd(tokens, vocabulary, chunk, bias, softcap, truncated):
    hidden, weight, offset, targets, temperatures = made(tokens, vocabulary, bias)
    leaves = [leaf for leaf in (hidden, weight, offset) if leaf is not None]
    slopes = torch.linspace(-1, 2, tokens)
    dropped = torch.rand(tokens, vocabulary, generator=torch.Generator().manual_seed(1)) < 0.6 * truncated
    dropped[torch.arange(tokens), targets] = False

    def entropy(divisor, cut):
        logits = torch.nn.functional.linear(hidden, weight, offset)
        logits = softcap * torch.tanh(logits / softcap) if softcap else logits
        logprobs = (logits / divisor).masked_fill(cut, -1e9).log_softmax(-1)
        return -(logprobs.exp() * logprobs).sum(-1)

    masks = Masks.pack(~dropped) if truncated else None
    scores = token_scores(hidden, weight, offset, softcap, targets, temperatures, chunk, masks, entropy_gradient=True)
    loss = (scores.entropy_tempered * slopes + scores.entropy - scores.tempered).sum()
    logprobs = plain(hidden, weight, offset, softcap, targets, temperatures, dropped)[0]
    untempered = entropy(1.0, torch.zeros_like(dropped))
    expected = (entropy(temperatures[:, None], dropped) * slopes + untempered - logprobs).sum()
    for ours, theirs in zip(torch.autograd.grad(loss, leaves), torch.autograd.grad(expected, leaves), strict=True):
        assert (ours - theirs).norm() <= 1e-5 * theirs.norm() + 1e-6


@settings(max_examples=20, deadline=None)
@given(tokens=st.integers(1, 20), chunk=st.integers(1, 25), softcap=st.sampled_from([None, 5.0]), data=st.data())
def test_sets_that_are_listed_told_by_an_edge_or_whole_stand_side_by_side(tokens, chunk, softcap, data):
    hidden, weight, _, targets, temperatures = made(tokens, 40, bias=False)
    logits = plain_logits(hidden, weight, None, softcap).detach()
    kinds = data.draw(st.lists(st.sampled_from(["listed", "edge", "whole"]), min_size=tokens, max_size=tokens))
    dropped = torch.zeros_like(logits, dtype=torch.bool)
    sizes, ids = [], []
    for token, kind in enumerate(kinds):
        order = logits[token].argsort(descending=True)
        place = int((order == targets[token]).nonzero())
        size = data.draw(st.integers(place + 1, len(order))) if kind != "whole" else len(order)
        dropped[token, order[size:]] = True
        own = {"listed": order[:size].sort().values.tolist(), "edge": [int(order[size - 1])], "whole": []}[kind]
        sizes.append({"listed": size, "edge": EDGE, "whole": 0}[kind])
        ids += own
    expected = plain(hidden, weight, None, softcap, targets, temperatures, dropped)
    scores = token_scores(
        hidden, weight, None, softcap, targets, temperatures, chunk, Masks.of(sizes, ids), entropy_gradient=True
    )
    found = (scores.tempered, scores.untempered, scores.entropy_tempered, scores.entropy)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    slopes = torch.linspace(-1, 2, tokens)
    for both in (found[:2], found[:1]):
        of_ours = torch.autograd.grad(sum((one * slopes).sum() for one in both), [hidden, weight], retain_graph=True)
        theirs = sum((one * slopes).sum() for one in expected[: len(both)])
        of_theirs = torch.autograd.grad(theirs, [hidden, weight], retain_graph=True)
        for one, other in zip(of_ours, of_theirs, strict=True):
            assert (one - other).norm() <= 1e-5 * other.norm() + 1e-6


def test_a_target_that_was_left_out_has_no_probability_and_one_at_the_edge_has():
    hidden, weight, _, targets, temperatures = made(2, 10, bias=False)
    logits = plain_logits(hidden, weight, None, None).detach()
    best = int(logits[0].argmax())
    targets[0] = logits[0].argmin()
    missing = token_scores(hidden, weight, None, None, targets, temperatures, masks=Masks.of([1, 0], [best]))
    assert missing.tempered[0] == -torch.inf
    assert missing.tempered[1].isfinite()
    by_edge = token_scores(hidden, weight, None, None, targets, temperatures, masks=Masks.of([EDGE, 0], [best]))
    of_two = (logits[0, [targets[0], best]] / temperatures[0]).log_softmax(-1)[0]
    torch.testing.assert_close(by_edge.tempered[0], of_two)  # rounding may move a target across the edge


class Largest(TorchDispatchMode):
    """The largest tensor that any operation makes, in elements."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for part in result if isinstance(result, tuple) else (result,):
            if isinstance(part, torch.Tensor):
                self.elements = max(self.elements, part.numel())
        return result


def test_no_tensor_holds_the_logits_of_all_tokens():
    tokens, vocabulary, chunk = 512, 1000, 8
    hidden, weight, _, targets, temperatures = made(tokens, vocabulary, bias=False)
    with Largest() as largest:
        token_scores(hidden, weight, None, None, targets, temperatures, chunk).tempered.sum().backward()
    assert 0 < largest.elements <= vocabulary * max(chunk, HIDDEN)


def test_dividing_the_hidden_state_is_dividing_the_logits_of_a_head_without_bias():
    hidden, weight, _, targets, temperatures = made(20, 50, bias=False)
    ours = token_scores(hidden, weight, None, None, targets, temperatures)
    divided = token_scores(hidden / temperatures[:, None], weight, None, None, targets, torch.ones(20))
    torch.testing.assert_close(ours.tempered, divided.untempered, rtol=1e-5, atol=1e-5)


def test_bfloat16_products_keep_float32_gradients_near_the_exact_ones():
    hidden, weight, _, targets, temperatures = made(64, 100, bias=False)
    exact = torch.autograd.grad(
        token_scores(hidden, weight, None, None, targets, temperatures).tempered.sum(), [hidden, weight]
    )
    with torch.autocast("cpu", torch.bfloat16):
        scores = token_scores(hidden, weight, None, None, targets, temperatures, chunk=10)
    found = torch.autograd.grad(scores.tempered.sum(), [hidden, weight])
    assert scores.tempered.dtype == torch.float32
    for ours, theirs in zip(found, exact, strict=True):
        assert ours.dtype == torch.float32
        assert (ours - theirs).norm() < 0.02 * theirs.norm()


def test_entropies_are_those_of_the_distributions():
    hidden, weight, _, targets, temperatures = made(9, 30, bias=False)
    scores = token_scores(hidden, weight, None, None, targets, temperatures, chunk=4)
    logits = (hidden @ weight.t()).detach()
    torch.testing.assert_close(scores.entropy, entropies(logits.log_softmax(-1)), rtol=1e-5, atol=1e-6)
    assert scores.entropy.requires_grad is False
    assert pytest.approx(scores.entropy_tempered[0].item(), rel=1e-5) == (
        torch.distributions.Categorical(logits=logits[0] / temperatures[0]).entropy().item()
    )


@pytest.mark.parametrize("softcap", [None, 5.0])
def test_log_probs_at_candidate_temperatures_are_those_of_each(softcap):
    hidden, weight, offset, targets, _ = made(11, 30, bias=True)
    candidates = [0.5, 1.0, 1.7]
    found = logprobs_at(hidden, weight, offset, softcap, targets, candidates, chunk=4)
    for column, temperature in enumerate(candidates):
        each = token_scores(hidden, weight, offset, softcap, targets, torch.full((11,), temperature)).tempered
        torch.testing.assert_close(found[:, column], each, rtol=1e-5, atol=1e-6)
