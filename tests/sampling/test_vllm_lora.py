"""Adapters in vLLM: the conformance tests of every engine, several adapters on one base, and what is refused."""

import dataclasses

import pytest
import torch
from adapters import trained_adapter
from conformance import (
    assert_logprobs_are_those_of_a_forward_pass,
    assert_replay_gives_the_recorded_logprobs,
    assert_same_rollouts,
    assert_temperatures_follow_from_entropies,
    token_logits,
)
from vllm_process import load, needs_vllm, sample, sample_among, sample_side_by_side, uneven_policy, vllm_engine

from mtpipe.errors import MtpipeError
from mtpipe.learn.scoring.sequences import pad, tempered_logprobs
from mtpipe.model.policy import load_policy
from mtpipe.sampling import torch_engine
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.settings.model import Lora
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.truncation import Truncation

pytestmark = [needs_vllm, pytest.mark.slow]

RULES = [ResolvedEntropyThreshold(low=low, high=1.5, threshold=2.2) for low in (0.9, 1.0, 1.1)]
PROMPTS = ["2+9*3-4>", "1+2>", "3*3*3*3*3>", *(f"{n}*{n}+{n}*{n}-{n}>" for n in range(1, 8))]
PLAN = SamplingPlan(1, "round 0", max_new_tokens=24, batch_size=1000)


@pytest.fixture(scope="module")
def adapters(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("adapters")
    return [trained_adapter(folder, place / str(seed), seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def policies(adapters):
    return [load_policy(adapter) for adapter in adapters]


@pytest.fixture(scope="module")
def requests(policies):
    encode = policies[0].encode
    return [Request(prompt, index, encode(prompt), 1.0, RULES[index]) for prompt in PROMPTS for index in range(3)]


@pytest.fixture(scope="module")
def engine(adapters, params):
    engine_args = {"max_loras": 2, "logprobs_mode": "processed_logprobs"}
    options = params.sampling.vllm.model_copy(update={"kv_cache_gib": 0.01, "engine_args": engine_args})
    with vllm_engine(adapters[0], options, 16) as call:
        yield call


def test_records_are_those_of_a_forward_pass_and_of_the_torch_engine(engine, folder, policies, requests):
    responses = engine(sample, requests, PLAN)
    assert_logprobs_are_those_of_a_forward_pass(policies[0], responses, tolerance=1e-5)
    assert_temperatures_follow_from_entropies(policies[0], responses, requests)
    assert_same_rollouts(responses, torch_engine.sample(policies[0], requests, PLAN))
    with pytest.raises(AssertionError):
        assert_logprobs_are_those_of_a_forward_pass(load_policy(folder), responses, tolerance=0.1)


def test_masks_are_recorded_and_replayed(engine, policies, requests):
    cut = dataclasses.replace(PLAN, truncation=Truncation(top_p=0.8), record_masks=True)
    responses = engine(sample, requests, cut)
    assert_same_rollouts(responses, torch_engine.sample(policies[0], requests, cut))
    assert_replay_gives_the_recorded_logprobs(policies[0], responses, tolerance=1e-5)


def test_two_adapters_in_one_batch_keep_apart(engine, adapters, policies, requests):
    """The rule, the draw and the records for the one; the other's requests are vLLM's own, with its log-probs."""
    asked = {"temperature": 0.7, "seed": 1, "max_tokens": 30}
    neighbours = [(policies[1].encode(prompt), asked) for prompt in PROMPTS[:6]]
    responses, others, _ = engine(sample_among, requests, PLAN, neighbours, adapters[1])
    assert_same_rollouts(responses, torch_engine.sample(policies[0], requests, PLAN))
    for (prompt_ids, _), (tokens, logprobs) in zip(neighbours, others, strict=True):
        sequences = pad([prompt_ids], [tokens])
        for policy, is_own in zip(policies, (False, True), strict=True):
            with torch.no_grad():
                logits = token_logits(policy.model, sequences)
            expected, _ = tempered_logprobs(logits, sequences.targets, torch.full((len(tokens),), 0.7))
            assert ((torch.tensor(logprobs) - expected).abs().max() < 1e-5) == is_own


def test_two_adapters_that_are_sampled_side_by_side_have_what_they_have_alone(engine, adapters, policies, requests):
    """In fewer steps than one after the other, and so in the same batches."""
    asked = [requests[:8], requests[1:16:2]]  # as many as the engine takes at once
    (one, other), together = engine(sample_side_by_side, adapters, asked, PLAN)
    steps = [
        engine(sample_side_by_side, [adapter], [each], PLAN)[1] for adapter, each in zip(adapters, asked, strict=True)
    ]
    assert max(steps) <= together < 0.8 * sum(steps)
    assert_same_rollouts(one, torch_engine.sample(policies[0], asked[0], PLAN))
    assert_same_rollouts(other, torch_engine.sample(policies[1], asked[1], PLAN))
    engine(load, adapters[0])


def test_another_adapter_is_loaded_by_its_name_alone(engine, adapters, policies, requests):
    first = engine(sample, requests, PLAN)
    engine(load, adapters[1])
    assert_same_rollouts(engine(sample, requests, PLAN), torch_engine.sample(policies[1], requests, PLAN))
    engine(load, adapters[0])
    assert_same_rollouts(engine(sample, requests, PLAN), first)


def test_what_does_not_fit_the_running_engine_is_refused_and_it_goes_on(engine, folder, params, requests, tmp_path):
    before = engine(sample, requests[:4], PLAN)
    with pytest.raises(MtpipeError, match="holds all weights, unlike "):
        engine(load, folder)
    other = uneven_policy(tmp_path, params, seed=9)
    with pytest.raises(MtpipeError, match="an adapter of another base than vLLM runs with"):
        engine(load, trained_adapter(other, tmp_path / "other", 1))
    with pytest.raises(MtpipeError, match=r"rank 24, and vLLM runs with max_lora_rank 16"):
        engine(load, trained_adapter(folder, tmp_path / "wide", 1, Lora(rank=24)))
    assert_same_rollouts(engine(sample, requests[:4], PLAN), before)
