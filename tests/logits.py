"""Logits of many kinds, for tests of what is drawn from them and scored by them."""

import math

import torch
from torch import Tensor

SMALL, LARGE = 18, 151_936


def language_like(rows: int, vocabulary: int, seed: int = 0) -> Tensor:
    """Logits that fall with the logarithm of a token's rank, in a random order of the vocabulary, as a model's do."""
    generator = torch.Generator().manual_seed(seed)
    ranks = torch.rand(rows, vocabulary, generator=generator).argsort(-1) + 1.0
    slopes = torch.linspace(0.8, 2.5, rows)[:, None]
    return -slopes * ranks.log() + 0.3 * torch.randn(rows, vocabulary, generator=generator)


def peaked(rows: int, vocabulary: int) -> Tensor:
    """Entropies of about 1e-4: one token has all but 1e-5 of the mass."""
    logits = torch.zeros(rows, vocabulary)
    logits[:, vocabulary // 2] = math.log((vocabulary - 1) / (4e-6 if vocabulary == LARGE else 1e-5))
    return logits


def with_impossible_tokens(rows: int, vocabulary: int) -> Tensor:
    logits = language_like(rows, vocabulary, seed=1)
    logits[:, ::2] = -math.inf
    logits[:, -vocabulary // 4 :] = -math.inf
    return logits


KINDS = {
    "like a language model's": language_like,
    "flat": lambda rows, vocabulary: 1e-3 * language_like(rows, vocabulary),
    "equal": lambda rows, vocabulary: torch.zeros(rows, vocabulary),
    "peaked": peaked,
    "with -inf": with_impossible_tokens,
}


def uniforms(rows: int) -> Tensor:
    return torch.rand(rows, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
