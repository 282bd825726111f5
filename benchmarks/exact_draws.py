"""Tokens and log-probs of `draw_tokens` against float64, counted: 100 000 draws at each of two vocabularies.

A draw that differs is an edge if the random number lies within 1e-6 of every bound between the two tokens. Logits are
like a language model's, peaked (entropies of about 1e-4), flat, and with -inf; temperatures go from 0.05 to 10.
"""

import math

import torch
from torch import Tensor

from mtpipe.sampling.drawing.draw import draw_tokens
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import NONE

DRAWS, ROWS = 100_000, 100
VOCABULARIES = (18, 151_936)
TEMPERATURES = (0.05, 0.6, 1.0, 1.5, 10.0)
EDGE = 1e-6
AT_ONCE = 50


def main() -> None:
    for vocabulary in VOCABULARIES:
        print(f"{DRAWS} draws at a vocabulary of {vocabulary}: " + count(vocabulary, DRAWS), flush=True)


def count(vocabulary: int, draws: int) -> str:
    """What differs, in words."""
    generator = torch.Generator().manual_seed(0)
    at_edges = elsewhere = 0
    furthest = furthest_float32 = 0.0
    for row in range(ROWS):
        logits, temperature = kinds(vocabulary, generator)[row // len(TEMPERATURES) % 4], TEMPERATURES[row % 5]
        uniforms = torch.rand(draws // ROWS, dtype=torch.float64, generator=generator)
        exact = (logits.double() / temperature).log_softmax(-1)
        upto = exact.exp().cumsum(-1)
        expected = torch.searchsorted(upto, uniforms * upto[-1], right=True)
        tokens, logprobs = drawn(logits, temperature, uniforms)
        for at in (tokens != expected).nonzero().squeeze(1).tolist():
            bounds = upto[min(tokens[at], expected[at]) : max(tokens[at], expected[at])]
            near = bool(((bounds - uniforms[at]).abs() < EDGE).all())
            at_edges, elsewhere = at_edges + near, elsewhere + (not near)
        in_float32 = (logits / temperature).log_softmax(-1)
        furthest = max(furthest, float((logprobs - exact[tokens]).abs().max()))
        furthest_float32 = max(furthest_float32, float((in_float32[tokens] - exact[tokens]).abs().max()))
    return (
        f"{at_edges} differ within {EDGE:g} of an edge, {elsewhere} elsewhere; log-probs at most {furthest:.1e} off, "
        f"those of float32's log_softmax {furthest_float32:.1e}"
    )


def kinds(vocabulary: int, generator: torch.Generator) -> list[Tensor]:
    """Four rows of logits [vocabulary]."""
    ranks = torch.rand(vocabulary, generator=generator).argsort() + 1.0
    like_a_model = -1.5 * ranks.log() + 0.3 * torch.randn(vocabulary, generator=generator)
    peaked = torch.zeros(vocabulary)
    peaked[vocabulary // 2] = math.log((vocabulary - 1) / (1e-5 if vocabulary < 1000 else 4e-6))
    impossible = like_a_model.clone()
    impossible[::2] = -math.inf
    return [like_a_model, peaked, 1e-3 * like_a_model, impossible]


def drawn(logits: Tensor, temperature: float, uniforms: Tensor) -> tuple[Tensor, Tensor]:
    parts = []
    for part in uniforms.split(AT_ONCE):
        rules = RowTemperatures([ResolvedUniform(temperature=temperature)] * len(part))
        start = torch.zeros(len(part), dtype=torch.long)
        parts.append(draw_tokens(logits.expand(len(part), -1), rules, start, None, part, NONE))
    return torch.cat([part.tokens for part in parts]), torch.cat([part.logprobs for part in parts])


if __name__ == "__main__":
    main()
