"""The cache with room holds what transformers' own holds, whatever is appended and chosen."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache

from mtpipe.model.growing_cache import GrowingLayer, growing

STEPS = st.lists(st.one_of(st.integers(1, 20), st.lists(st.integers(0, 1), min_size=2, max_size=3)), max_size=12)
"""A number of tokens to append, or the rows to go on with."""


@pytest.mark.slow
@given(STEPS)
def test_it_holds_the_keys_and_values_of_the_plain_cache(steps):
    plain, own = DynamicCache(), DynamicCache()
    append((plain, own), rows=2, tokens=3)
    growing(own)
    assert all(type(layer) is GrowingLayer for layer in own.layers)
    for step in steps:
        if isinstance(step, list):
            for cache in (plain, own):
                cache.batch_select_indices(torch.tensor(step))
        else:
            append((plain, own), rows=len(plain.layers[0].keys), tokens=step)
        for expected, found in zip(plain.layers, own.layers, strict=True):
            assert found.get_seq_length() == expected.get_seq_length()
            assert torch.equal(found.keys, expected.keys)
            assert torch.equal(found.values, expected.values)


def append(caches, rows, tokens):
    """Puts the same new states into the caches' two layers, and expects each to answer with all that it holds."""
    for layer in range(2):
        states = torch.randn(2, rows, 2, tokens, 4)
        answers = [cache.update(states[0], states[1], layer) for cache in caches]
        assert all(torch.equal(*pair) for pair in zip(answers[0], answers[-1], strict=True))


def test_a_cache_with_other_layers_stays_as_it_is():
    cache = DynamicCache()
    append((cache,), rows=1, tokens=2)

    class Own(type(cache.layers[0])):
        pass

    cache.layers[1].__class__ = Own
    before = list(cache.layers)
    assert growing(cache).layers == before
    assert growing(None) is None
