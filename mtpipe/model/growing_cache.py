"""Keys and values of what a model has read, in memory with room for the next tokens.

The layers that transformers makes copy all that they hold for every token that is added: a tenth of the time of
sampling from a small model, and for a moment twice the memory of a layer.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

_ROOM = 16
"""Tokens of room; with more, rows that are chosen take more of it along."""


class GrowingLayer(DynamicLayer):  # type: ignore[misc]  # transformers has no types here
    """A layer whose `keys` and `values` [rows, heads, tokens, head_size] are the first tokens of larger tensors."""

    _whole: list[Tensor]

    @classmethod
    def of(cls, layer: DynamicLayer) -> "GrowingLayer":
        """What a layer that has read something holds."""
        own = cls()
        own.lazy_initialization(layer.keys, layer.values)
        own._hold(layer.keys, layer.values)
        return own

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Adds the next tokens' [rows, heads, tokens, head_size], and returns all keys and values."""
        before = self.keys.shape[-2]
        after = before + key_states.shape[-2]
        if after > self._whole[0].shape[-2]:
            self._hold(self.keys, self.values, key_states.shape[-2])
        for whole, new in zip(self._whole, (key_states, value_states), strict=True):
            whole[:, :, before:after] = new
        self._show(after)
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Goes on with these rows, in this order."""
        tokens = self.keys.shape[-2]
        self._whole = [whole.index_select(0, indices) for whole in self._whole]
        self._show(tokens)

    def _hold(self, keys: Tensor, values: Tensor, more: int = 0) -> None:
        rows, heads, tokens, _ = keys.shape
        self._whole = [
            torch.cat([states, states.new_empty(rows, heads, more + _ROOM, states.shape[-1])], dim=-2)
            for states in (keys, values)
        ]
        self._show(tokens)

    def _show(self, tokens: int) -> None:
        self.keys, self.values = (whole[:, :, :tokens] for whole in self._whole)


def growing(cache: Any) -> Any:
    """A cache with such layers in the place of transformers' plain ones; one that has others too stays as it is."""
    if type(cache) is DynamicCache and all(type(layer) is DynamicLayer for layer in cache.layers):
        cache.layers = [GrowingLayer.of(layer) for layer in cache.layers]
    return cache
