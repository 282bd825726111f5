"""Constrained uniform top-K sampling against worked examples, row by row and in whole responses."""

import math
from dataclasses import replace

import pytest
import torch
from conformance import (
    assert_logprobs_are_those_of_a_forward_pass,
    assert_replay_gives_the_recorded_logprobs,
    by_identity,
    token_logits,
)

from mtpipe.learn.scoring.sequences import pad
from mtpipe.records import NOT_EVEN
from mtpipe.sampling.drawing.draw import draw_tokens
from mtpipe.sampling.drawing.evenly import Exploring, candidates
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.torch_engine import sample
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.mixed_cuts import MixedCuts
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import NONE

PAPER = MixedCuts()
CUTS = MixedCuts(share=0.5, top_k=4, threshold=0.05, warm_up=3)
PLAN = SamplingPlan(1, "round 0", max_new_tokens=30, batch_size=100, mixed_cuts=CUTS)


def logits_of(*probabilities: float) -> torch.Tensor:
    return torch.tensor([probabilities]).log()


def kept(logits: torch.Tensor, cuts: MixedCuts = PAPER, temperature: float = 1.0) -> list[int]:
    return candidates(logits, torch.tensor([temperature]), cuts)[0].nonzero().squeeze(1).tolist()


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((0.5, 0.02, 0.2, 0.05, 0.03, 0.1, 0.1), [0, 2, 3, 5, 6]),  # 0.03 does not exceed 0.03, and it is the sixth
        ((0.02, 0.95, 0.02, 0.01, 0.0, 0.0, 0.0), [1]),
        ((0.02,) * 50, [0, 1, 2, 3, 4]),  # none exceeds the threshold: all of the top five
        ((0.0, 0.6, 0.4, 0.0, 0.0, 0.0, 0.0), [1, 2]),
        ((0.1,) * 10, [0, 1, 2, 3, 4]),  # of equal ones those with the lower ids
        ((0.1, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1), [0, 1, 2, 3, 4]),
        ((0.5, 0.5), [0, 1]),
    ],
)
def test_candidates_are_the_likeliest_five_that_exceed_the_threshold(probabilities, expected):
    assert kept(logits_of(*probabilities)) == expected


def test_impossible_tokens_are_no_candidates_though_fewer_than_five_are_possible():
    assert kept(torch.tensor([[0.0, -torch.inf, -50.0, -torch.inf, -torch.inf, -torch.inf]])) == [0]
    assert kept(torch.tensor([[0.0, -torch.inf, -3.0] + [-torch.inf] * 5]), replace_threshold(0.0)) == [0, 2]


def replace_threshold(threshold: float) -> MixedCuts:
    return PAPER.model_copy(update={"threshold": threshold})


def test_the_threshold_is_one_of_the_tempered_distribution():
    logits = logits_of(0.9, 0.08, 0.02)
    assert kept(logits, temperature=1.0) == [0, 1]
    assert kept(logits, temperature=3.0) == [0, 1, 2]
    assert kept(logits, temperature=0.4) == [0]


@pytest.mark.parametrize("vocabulary", [40, 3000])
def test_every_candidate_is_drawn_as_often_and_its_log_prob_is_that_of_one_among_them(vocabulary):
    generator = torch.Generator().manual_seed(vocabulary)
    logits = (2 * torch.randn(1, vocabulary, generator=generator)).expand(600, -1).contiguous()
    cuts = MixedCuts(top_k=5, threshold=0.0, warm_up=0)
    drawn = draw(logits, cuts, uniforms=(torch.arange(600, dtype=torch.float64) + 0.5) / 600)
    assert sorted(drawn.tokens.unique().tolist()) == sorted(logits[0].topk(5).indices.tolist())
    assert drawn.tokens.unique(return_counts=True)[1].tolist() == [120] * 5
    assert drawn.logprobs.tolist() == pytest.approx([-math.log(5)] * 600)
    assert drawn.masks.sizes.tolist() == [5] * 600


def draw(logits, cuts, rows=None, positions=None, uniforms=None):
    count = len(logits)
    rules = RowTemperatures([ResolvedUniform(temperature=1.2)] * count)
    positions = torch.zeros(count, dtype=torch.long) if positions is None else positions
    uniforms = torch.linspace(0, 1 - 2.0**-53, count, dtype=torch.float64) if uniforms is None else uniforms
    rows = torch.ones(count, dtype=torch.bool) if rows is None else rows
    exploring = Exploring(rows, cuts) if cuts else None
    return draw_tokens(logits, rules, positions, None, uniforms, NONE, exploring=exploring)


def test_other_rows_and_the_first_tokens_are_drawn_as_ever_and_nothing_was_cut_from_them():
    logits = 2 * torch.randn(8, 50, generator=torch.Generator().manual_seed(1))
    rows = torch.tensor([True, False] * 4)
    positions = torch.tensor([0, 0, 2, 2, 3, 3, 9, 9])
    mixed, plain = draw(logits, CUTS, rows, positions), draw(logits, None, rows, positions)
    even = rows & (positions >= 3)
    assert mixed.tokens[~even].equal(plain.tokens[~even])
    assert mixed.logprobs[~even].equal(plain.logprobs[~even])
    assert mixed.temperatures.equal(plain.temperatures)
    assert mixed.entropies.equal(plain.entropies)
    assert (mixed.masks.sizes > 0).equal(even)
    sizes, ids = mixed.masks.lists()
    for row in even.nonzero().squeeze(1).tolist():
        alone = draw(logits[row : row + 1], CUTS, None, positions[row : row + 1], torch.tensor([row / 8.0]).double())
        assert ids[row] == alone.masks.ids.tolist() == kept(logits[row : row + 1], CUTS, 1.2)
        assert mixed.logprobs[row] == pytest.approx(-math.log(sizes[row]))
        assert mixed.tokens[row] in ids[row]
    nobody = draw(logits, CUTS, torch.zeros(8, dtype=torch.bool), positions)
    assert nobody.tokens.equal(plain.tokens)
    assert nobody.masks.sizes.tolist() == [0] * 8


def test_logits_that_are_no_numbers_give_a_token_of_the_vocabulary_and_no_finite_log_prob():
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(2))
    for row in range(3):
        broken = logits.clone()
        broken[row] = torch.nan
        drawn = draw(broken, CUTS.model_copy(update={"warm_up": 0}))
        assert (drawn.tokens < 50).all()
        assert drawn.logprobs.isfinite().tolist() == [other != row for other in range(3)]


@pytest.fixture
def requests(policy) -> list[Request]:
    """Groups of four, of which the last two explore."""
    rule = ResolvedUniform(temperature=1.1)
    prompts = ["2+9*3-4>", "1+2>", "3*3*3>", "7-5+1>"]
    return [
        Request(prompt, index, policy.encode(prompt), 1.1, rule, index >= 2) for prompt in prompts for index in range(4)
    ]


def test_a_response_that_explores_is_drawn_evenly_past_its_warm_up_and_the_update_replays_it(policy, requests):
    responses = list(sample(policy, requests, PLAN))
    standard = [one for one in responses if one.sample < 2]
    assert_logprobs_are_those_of_a_forward_pass(policy, standard, tolerance=1e-5)
    assert all(not one.mask_sizes and one.even_from == NOT_EVEN for one in standard)
    sizes = set()
    for one in (one for one in responses if one.sample >= 2):
        assert one.even_from == 3
        assert one.mask_sizes[:3] == [0] * len(one.response_ids[:3])
        assert len(one.mask_sizes) == len(one.response_ids)
        with torch.no_grad():
            logits = token_logits(policy.model, pad([one.prompt_ids], [one.response_ids]))
        ids = iter(one.mask_ids)
        for place in range(3, len(one.response_ids)):
            own = [next(ids) for _ in range(one.mask_sizes[place])]
            assert own == kept(logits[place : place + 1], CUTS, 1.1)
            assert one.response_ids[place] in own
            assert one.behaviour_logprobs[place] == pytest.approx(-math.log(len(own)))
            sizes.add(len(own))
        assert one.temperatures == pytest.approx([1.1] * len(one.response_ids))
    assert len(sizes) > 1
    masked = [replace(one, mask_sizes=one.mask_sizes or [0] * len(one.response_ids)) for one in responses]
    assert_replay_gives_the_recorded_logprobs(policy, masked, tolerance=1e-5)


@pytest.mark.slow
def test_neither_the_batch_nor_its_order_changes_who_explores_and_what_is_drawn(policy, requests):
    together = by_identity(sample(policy, requests, PLAN))
    others = [
        by_identity(sample(policy, order, replace(PLAN, batch_size=size)))
        for order, size in ((requests, 1), (requests[::-1], 5))
    ]
    plain = by_identity(sample(policy, requests, replace(PLAN, mixed_cuts=None)))
    for identity, one in together.items():
        for other in others:
            assert (one.response_ids, one.mask_ids) == (other[identity].response_ids, other[identity].mask_ids)
        if identity[1] < 2:
            assert one.response_ids == plain[identity].response_ids
    assert any(one.response_ids != plain[identity].response_ids for identity, one in together.items())
