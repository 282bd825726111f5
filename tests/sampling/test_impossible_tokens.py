"""Tokens that cannot come are never drawn, at the ends of the random numbers either."""

import math

import pytest
import torch

from mtpipe.sampling.drawing.draw import draw_tokens
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import NONE, Truncation

RULES = RowTemperatures([ResolvedUniform(temperature=0.7)])


@pytest.mark.parametrize("truncation", [NONE, Truncation(min_p=0.5)], ids=["whole", "cut"])
@pytest.mark.parametrize("vocabulary", [5, 3000])
@pytest.mark.parametrize(("number", "expected"), [(0.0, 2), (1 - 2**-53, 3)])
def test_the_least_and_the_largest_number_draw_the_first_and_the_last_possible_token(
    number, expected, vocabulary, truncation
):
    logits = torch.full((1, vocabulary), -math.inf)
    logits[0, 2:4] = torch.tensor([0.0, 0.1])
    drawn = draw_tokens(logits, RULES, torch.zeros(1), None, torch.tensor([number], dtype=torch.float64), truncation)
    assert drawn.tokens.item() == expected
    assert drawn.logprobs.isfinite().all()
    assert drawn.masks is None, "nobody asked for them"
