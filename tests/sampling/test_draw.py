"""The draw against the same arithmetic in float64, at a small vocabulary and at a real one."""

import math

import pytest
import torch
from logits import KINDS, LARGE, SMALL, language_like, uniforms
from torch import Tensor

from mtpipe.sampling.drawing.draw import DrawnTokens, draw_tokens
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.masks import EDGE, LISTED
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import NONE, Truncation

ROUNDING = 1e-6
DRAWS_OF_A_ROW = 1000
TRUNCATIONS = [  # no top_p whose nucleus of equal logits would end exactly at a token's edge
    Truncation(top_p=0.9513),
    Truncation(min_p=0.05),
    Truncation(top_n_sigma=1.0),
    Truncation(top_p=0.9003, min_p=0.01, top_n_sigma=2.0),
]


def draw(logits: Tensor, temperature: float, numbers: Tensor, truncation: Truncation = NONE) -> DrawnTokens:
    rules = RowTemperatures([ResolvedUniform(temperature=temperature)] * len(logits))
    return draw_tokens(logits, rules, torch.zeros(len(logits), dtype=torch.long), None, numbers, truncation, True)


def kept_by_definition(logits: Tensor, temperature: float, truncation: Truncation) -> Tensor:
    """What a truncation keeps of one row [vocabulary], from float64 probabilities and a whole order."""
    logprobs = (logits.double() / temperature).log_softmax(-1)
    kept = torch.ones_like(logits, dtype=torch.bool)
    if truncation.top_p is not None:
        ordered, order = logprobs.exp().sort(descending=True, stable=True)
        kept[order] = ordered.cumsum(-1) - ordered < truncation.top_p
    if truncation.min_p:
        kept &= logprobs >= logprobs.max() + math.log(truncation.min_p)
    if truncation.top_n_sigma is not None:
        kept &= logprobs >= logprobs.max() - truncation.top_n_sigma * logprobs[logprobs.isfinite()].std()
    return kept


@pytest.mark.parametrize(("vocabulary", "rows"), [(SMALL, 16), (LARGE, 8)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [0.05, 1.0, 10.0])
def test_tokens_log_probs_and_entropies_are_those_of_a_forward_pass(kind, temperature, vocabulary, rows):
    logits, numbers = KINDS[kind](rows, vocabulary), uniforms(rows)
    drawn = draw(logits, temperature, numbers)
    assert logits.gather(1, drawn.tokens[:, None]).isfinite().all()
    in_float32 = (logits / temperature).log_softmax(-1).gather(1, drawn.tokens[:, None]).squeeze(1)
    all_exact = (logits.double() / temperature).log_softmax(-1)
    exact, upto = (
        values.gather(1, drawn.tokens[:, None]).squeeze(1) for values in (all_exact, all_exact.exp().cumsum(-1))
    )
    assert (upto > numbers - ROUNDING).all()
    assert (upto - exact.exp() < numbers + ROUNDING).all()
    torch.testing.assert_close(drawn.logprobs, exact.float(), atol=1e-5, rtol=0)
    if vocabulary == SMALL:  # at the large one float32's own log_softmax is further than this from exact arithmetic
        torch.testing.assert_close(drawn.logprobs, in_float32, atol=1e-5, rtol=0)
    entropies = torch.special.entr(logits.double().softmax(-1)).sum(-1)
    torch.testing.assert_close(drawn.entropies, entropies.float(), atol=1e-5, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("vocabulary", [SMALL, pytest.param(LARGE, marks=pytest.mark.exhaustive)])
def test_a_hundred_thousand_tokens_are_those_of_exact_arithmetic_but_at_edges(vocabulary):
    rows, differing = language_like(100, vocabulary), 0
    for index, row in enumerate(rows):
        temperature = (0.05, 0.6, 1.0, 1.5, 10.0)[index % 5]
        numbers = torch.rand(DRAWS_OF_A_ROW, dtype=torch.float64, generator=torch.Generator().manual_seed(index))
        found = torch.cat([draw(row.expand(50, -1), temperature, part).tokens for part in numbers.split(50)])
        upto = (row.double() / temperature).softmax(-1).cumsum(-1)
        exact = torch.searchsorted(upto, numbers * upto[-1], right=True)
        for token in (found != exact).nonzero().squeeze(1):
            lower, upper = sorted((int(found[token]), int(exact[token])))
            assert (upto[lower] - numbers[token]).abs() < ROUNDING
            assert (upto[upper - 1] - numbers[token]).abs() < ROUNDING
            differing += 1
    print(
        f"{differing} of {len(rows) * DRAWS_OF_A_ROW} tokens differ at {vocabulary}, all within {ROUNDING} of an edge"
    )


@pytest.mark.parametrize(
    ("vocabulary", "rows"),
    [(SMALL, 256), (5000, 24), (LARGE, 8), pytest.param(LARGE, 256, marks=pytest.mark.exhaustive)],
)
@pytest.mark.parametrize("truncation", [NONE, TRUNCATIONS[-1]])
def test_a_row_is_the_same_to_the_bit_in_batches_of_any_size_and_with_any_number_of_threads(
    truncation, vocabulary, rows
):
    logits, numbers = language_like(rows, vocabulary), uniforms(rows)
    rule = ResolvedEntropyThreshold(low=0.7, high=1.3, threshold=3.0)

    def in_batches(size: int) -> list[Tensor]:
        parts = []
        for start in range(0, rows, size):
            own = logits[start : start + size].clone()
            at = torch.zeros(len(own), dtype=torch.long)
            rules = RowTemperatures([rule] * len(own))
            drawn = draw_tokens(own, rules, at, None, numbers[start : start + size], truncation, True)
            parts.append([*drawn[:4], *((drawn.masks.sizes, drawn.masks.ids) if drawn.masks else ())])
        return [torch.cat(column) for column in zip(*parts, strict=True)]

    threads = torch.get_num_threads()
    expected = in_batches(rows)
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            for size in (1, 7, rows):
                assert all(a.equal(b) for a, b in zip(in_batches(size), expected, strict=True))
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("vocabulary", "temperature"), [(SMALL, 0.3), (SMALL, 1.0), (5000, 0.3), (5000, 1.0), (LARGE, 1.0)]
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("truncation", TRUNCATIONS)
def test_truncation_keeps_what_its_definition_keeps(kind, temperature, truncation, vocabulary):
    logits = KINDS[kind](2, vocabulary)
    drawn = draw(logits, temperature, uniforms(2), truncation)
    kept = ~drawn.masks.dropped(logits)
    for row in range(2):
        expected = kept_by_definition(logits[row], temperature, truncation)
        assert kept[row, drawn.tokens[row]]
        probabilities = (logits[row].double() / temperature).softmax(-1)
        assert probabilities[kept[row] ^ expected].sum() < ROUNDING
        ours = (logits[row].double() / temperature).masked_fill(~kept[row], -math.inf).log_softmax(-1)
        torch.testing.assert_close(drawn.logprobs[row], ours[drawn.tokens[row]].float(), atol=1e-5, rtol=0)


def test_of_equal_logits_the_first_tokens_are_in_the_nucleus():
    logits = torch.tensor([[0.0, 2.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0, -math.inf]])
    masks = draw(logits, 1.0, uniforms(2), Truncation(top_p=0.7)).masks
    assert masks.lists() == ([2, 3], [[0, 1], [0, 1, 2]])
    drawn = draw(torch.zeros(1, LARGE), 1.0, uniforms(1), Truncation(top_p=0.5))
    assert drawn.masks.lists() == ([EDGE], [[LARGE // 2 - 1]])


def test_top_n_sigma_cuts_where_a_token_cannot_come():
    logits = torch.tensor([[3.0, 2.9, -3.0, -2.0, -math.inf]])
    assert draw(logits, 1.0, uniforms(1), Truncation(top_n_sigma=1.0)).masks.lists() == ([2], [[0, 1]])


@pytest.mark.parametrize("rule", [{"top_p": 0.9513}, {"min_p": 0.05}, {"top_n_sigma": 5.0}])
def test_sets_are_listed_up_to_a_limit_and_told_by_their_last_token_beyond(rule):
    truncation = Truncation(**rule)
    even = 0.1 * torch.randn(4, LARGE, generator=torch.Generator().manual_seed(2))
    logits = torch.cat([language_like(4, LARGE), even])
    drawn = draw(logits, 1.0, uniforms(8), truncation)
    sizes, ids = drawn.masks.lists()
    assert min(sizes) == EDGE < 1 < max(sizes)
    kept = ~drawn.masks.dropped(logits)
    for row, (size, of_row) in enumerate(zip(sizes, ids, strict=True)):
        if size == EDGE:
            assert kept[row].sum() > LISTED
            assert logits[row, of_row[0]] == logits[row, kept[row]].min()
        else:
            assert of_row == kept[row].nonzero().squeeze(1).tolist()
            assert size == len(of_row) <= LISTED


def test_masks_are_recorded_where_they_are_asked_for_and_change_nothing():
    logits, numbers = language_like(4, LARGE), uniforms(4)
    rules, at = RowTemperatures([ResolvedUniform(temperature=1.0)] * 4), torch.zeros(4, dtype=torch.long)
    with_masks, without = (
        draw_tokens(logits, rules, at, None, numbers, Truncation(top_p=0.9), asked) for asked in (True, False)
    )
    assert without.masks is None
    assert all(a.equal(b) for a, b in zip(with_masks[:4], without[:4], strict=True))
    assert draw(logits, 1.0, numbers, NONE).masks is None


@pytest.mark.parametrize("vocabulary", [SMALL, LARGE])
@pytest.mark.parametrize("truncation", [NONE, TRUNCATIONS[-1]])
def test_a_temperature_that_is_no_number_comes_back_as_one_and_ends_nothing_here(vocabulary, truncation):
    """The engine that gets it says which rule gave it; an index beyond the vocabulary would end a GPU's process."""
    drawn = draw_tokens(
        language_like(2, vocabulary), _NoNumber(), torch.zeros(2, dtype=torch.long), None, uniforms(2), truncation
    )
    assert drawn.temperatures.isnan().all()
    assert (drawn.tokens < vocabulary).all()


class _NoNumber:
    def at(self, entropies, positions, previous, uniforms):
        return torch.full_like(entropies, torch.nan)
