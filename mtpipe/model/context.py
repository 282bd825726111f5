"""What a model has read, row by row: prompts and the tokens after them, in the cache that the model makes itself."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, PreTrainedModel
from transformers.cache_utils import LinearAttentionCacheLayerMixin

from mtpipe.model.growing_cache import growing

_CACHES = ("past_key_values", "cache_params", "state")
"""What transformers calls a cache: an argument of a model's forward pass and a field of its output."""


class ModelContext:
    """Reads prompts, the shorter ones padded on the left, and then one more token a row.

    Attributes:
        logits: [rows, vocabulary], float32, of each row's next token.
    """

    logits: Tensor

    def __init__(self, model: PreTrainedModel, prompts: Sequence[Sequence[int]]):
        self._model = model
        self._takes = inspect.signature(model.forward).parameters.keys()
        self._cache_name = next((name for name in _CACHES if name in self._takes), _CACHES[0])
        width = max(map(len, prompts))
        padding = [[0] * (width - len(prompt)) for prompt in prompts]
        ids = [[*before, *prompt] for before, prompt in zip(padding, prompts, strict=True)]
        mask = [[*before, *[1] * len(prompt)] for before, prompt in zip(padding, prompts, strict=True)]
        self._mask = torch.tensor(mask, device=model.device)
        self._padded = any(padding)
        self._cache: Any = None
        self._read(torch.tensor(ids, device=model.device), (self._mask.cumsum(-1) - 1).clamp_(min=0))
        self._cache = growing(self._cache)

    def keep(self, rows: Tensor) -> None:
        """Goes on with these rows only, in this order; a row may be repeated.

        Raises TypeError for a model without a cache whose rows can be chosen.
        """
        if not isinstance(self._cache, Cache):
            kind = "no cache" if self._cache is None else f"a cache of type {type(self._cache).__name__}"
            raise TypeError(f"the model returns {kind}, and rows have to be chosen from one of transformers' own")
        if any(isinstance(layer, LinearAttentionCacheLayerMixin) for layer in getattr(self._cache, "layers", [])):
            self._cache.reorder_cache(rows)  # the other way leaves a state as it is
        else:
            self._cache.batch_select_indices(rows)
        self._mask, self.logits = self._mask[rows], self.logits[rows]

    def append(self, tokens: Tensor) -> None:
        """Reads one more token [rows] each, and has the logits that follow it."""
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), 1)], dim=1)
        self._read(tokens[:, None], self._mask.sum(1, keepdim=True) - 1)

    def _read(self, ids: Tensor, positions: Tensor) -> None:
        given = {
            self._cache_name: self._cache,
            "attention_mask": self._mask if self._padded else None,
            "position_ids": positions,
            "use_cache": True,
            "logits_to_keep": 1,
        }
        output = self._model(input_ids=ids, **{name: value for name, value in given.items() if name in self._takes})
        self._cache = getattr(output, self._cache_name, None)
        self.logits = output.logits[:, -1].float()
