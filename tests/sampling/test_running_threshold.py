"""A request's own estimate of a quantile: where it goes, and what it does not depend on."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mtpipe.sampling.drawing.draw import token_entropies
from mtpipe.sampling.vllm.batch import BatchRequest, TemperedBatch
from mtpipe.sampling.vllm.request import read_rule, validate
from mtpipe.sampling.vllm.running_threshold import RunningThreshold
from mtpipe.temperature.rules.uniform import ResolvedUniform

pytestmark = pytest.mark.slow

VOCABULARY = 30
RULE = RunningThreshold(low=0.5, high=2.0, quantile=0.8, start=0.1)
ALONE = BatchRequest(RULE)


def logits_of(tokens: int, seed: int) -> torch.Tensor:
    """Distributions from sharp to flat, [tokens, vocabulary]."""
    generator = torch.Generator().manual_seed(seed)
    heat = 0.3 + 4 * torch.rand(tokens, 1, generator=generator)
    return torch.randn(tokens, VOCABULARY, generator=generator) * heat


def heated(logits: torch.Tensor, slots=(0,), requests=(ALONE,), row=0) -> torch.Tensor:
    """The temperature of each token of the request in `row`; its neighbours get other logits."""
    batch = TemperedBatch(torch.device("cpu"), SimpleNamespace(model_config=None))
    for slot, request in zip(slots, requests, strict=True):
        batch.put(slot, request)
    found = []
    for position, own in enumerate(logits):
        rows = logits_of(len(slots), seed=1000 + position)
        rows[row] = own
        after = batch.apply(
            rows.clone(), np.array(slots), np.full(len(slots), position), torch.zeros(len(slots), dtype=torch.long)
        )
        found.append((own[0] / after[row, 0]).item())
    return torch.tensor(found)


def test_the_share_of_hot_tokens_goes_to_one_minus_the_quantile():
    hot = heated(logits_of(3000, seed=0)) > 1
    assert hot[-2000:].float().mean() == pytest.approx(0.2, abs=0.03)
    assert hot[:20].float().mean() > 0.5, "the first guess was far too low"


def test_hot_tokens_are_those_of_higher_entropy():
    logits = logits_of(2000, seed=1)
    entropies, hot = token_entropies(logits)[1000:], (heated(logits) > 1)[1000:]
    assert entropies[hot].mean() > entropies[~hot].mean() + 0.5


def test_a_neighbour_changes_nothing():
    logits = logits_of(60, seed=2)
    alone = heated(logits)
    neighbours = [BatchRequest(RULE), BatchRequest(ResolvedUniform(temperature=1.3)), BatchRequest(RULE), None]
    torch.testing.assert_close(heated(logits, (3, 0, 5, 1), neighbours, row=2), alone)


def test_a_prompt_that_is_read_in_chunks_moves_nothing_and_a_slot_that_is_used_again_starts_over():
    batch = TemperedBatch(torch.device("cpu"), SimpleNamespace(model_config=None))
    flat, previous = torch.zeros(1, VOCABULARY), torch.zeros(1, dtype=torch.long)
    sharp = torch.zeros(1, VOCABULARY)
    sharp[0, 0] = 3.0
    entropy = token_entropies(sharp).item()

    def temperature(logits, position):
        after = batch.apply(logits.clone() + 1, np.array([0]), np.array([position]), previous)
        return ((logits[0, 0] + 1) / after[0, 0]).item()

    rule = RULE.model_copy(update={"start": entropy - 0.01})
    for _ in range(2):
        batch.put(0, BatchRequest(rule))
        for chunk in (-9, -5, -1):
            temperature(flat, chunk)
        assert temperature(sharp, 0) == pytest.approx(2.0), "the threshold is where it started"
        assert temperature(sharp, 1) == pytest.approx(0.5), "one token above it has moved it up"


def test_the_rule_is_read_checked_and_for_servers_only():
    setting = RULE.model_dump()
    assert read_rule({"token_temperature": setting}) == RULE
    for fault in ({"quantile": 1.0}, {"start": -1}, {"low": 0}):
        with pytest.raises(ValueError, match=next(iter(fault))):
            read_rule({"token_temperature": {**setting, **fault}})
    draw = {"seed": 0, "purpose": "p", "problem_id": "p", "sample": 0, "record": "r"}
    sampling = SimpleNamespace(
        extra_args={"token_temperature": setting, "token_draw": draw}, temperature=0, min_p=0, top_p=1, top_k=0, n=1
    )
    with pytest.raises(ValueError, match="for servers"):
        validate(sampling)
