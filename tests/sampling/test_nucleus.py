"""The nucleus's end against its definition, on rows whose sample of logits says little, or the wrong thing."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from mtpipe.sampling.drawing import nucleus
from mtpipe.sampling.drawing.by_row import block_sums
from mtpipe.sampling.drawing.cuts import Cut

LEVELS = st.lists(st.integers(-12, 0), min_size=40, max_size=200)
"""Logits in halves, so that many are equal."""


def ends(logits: Tensor, temperature: float, top_p: float) -> Cut:
    highest = logits.amax(-1)
    temperatures = torch.full_like(highest, temperature)
    weights = ((logits - highest[:, None]) / temperature).exp()
    total = block_sums(weights).sum(-1)
    return Cut(*nucleus.nucleus_end(logits, highest, temperatures, weights, total, top_p))


def by_definition(logits: Tensor, temperature: float, top_p: float) -> tuple[Tensor, float]:
    """What is kept of a row, and how far from `top_p` the nearest sum of likeliest tokens is."""
    ordered, order = (logits.double() / temperature).softmax(-1).sort(descending=True, stable=True)
    kept = torch.zeros_like(logits, dtype=torch.bool)
    kept[order] = ordered.cumsum(-1) - ordered < top_p
    return kept, float((ordered.cumsum(-1) - top_p).abs().min())


@pytest.fixture
def small_sample(monkeypatch):
    """A guess from about eight logits of a row, and a second bound where it leaves more than sixteen."""
    monkeypatch.setattr(nucleus, "_SAMPLE", 8)
    monkeypatch.setattr(nucleus, "_FEW", 16)


@pytest.mark.slow
@pytest.mark.usefixtures("small_sample")
@settings(max_examples=100, deadline=None)
@given(levels=LEVELS, temperature=st.sampled_from([0.2, 1.0, 5.0]), top_p=st.floats(0.01, 0.999))
def test_the_nucleus_is_that_of_the_definition_also_of_equal_logits(levels, temperature, top_p):
    logits = torch.tensor([levels]) / 2
    expected, distance = by_definition(logits[0], temperature, top_p)
    assume(distance > 1e-6)
    assert ends(logits, temperature, top_p).kept(logits)[0].equal(expected)


@pytest.mark.parametrize("stand_out", ["the sample", "all others", "the last of the sample"])
@pytest.mark.parametrize("top_p", [0.3, 0.5004, 0.9, 0.98])
def test_a_sample_that_misleads_is_noticed(stand_out, top_p, monkeypatch):
    monkeypatch.setattr(nucleus, "_SAMPLE", 64)
    monkeypatch.setattr(nucleus, "_FEW", 16)
    sampled = torch.arange(6400) % 100 == 0
    higher = {"the sample": sampled, "all others": ~sampled, "the last of the sample": torch.arange(6400) == 6300}
    logits = torch.randn(3, 6400, generator=torch.Generator().manual_seed(0))
    logits[:, higher[stand_out]] += 6.0
    for row, kept in zip(logits, ends(logits, 1.0, top_p).kept(logits), strict=True):
        assert kept.equal(by_definition(row, 1.0, top_p)[0])


def test_no_row_is_put_in_order_where_the_sample_is_good(monkeypatch):
    """The guess holds for distributions like a language model's and for flat ones, so little is put in order."""
    ordered = []
    ascending = nucleus.ascending
    monkeypatch.setattr(nucleus, "ascending", lambda values: (ordered.append(values.shape), ascending(values))[1])
    generator = torch.Generator().manual_seed(0)
    ranks = torch.rand(16, 100_000, generator=generator).argsort(-1) + 1.0
    noise = 0.3 * torch.randn(16, 100_000, generator=generator)
    for logits in (-torch.linspace(1.3, 2.5, 16)[:, None] * ranks.log() + noise, noise):
        for top_p in (0.5, 0.9, 0.95, 0.99):
            ends(logits, 1.0, top_p)
    assert max(width for _, width in ordered) < 30_000
