"""The vLLM engine on vLLM's CPU build: the conformance tests of every engine, and what only vLLM does to a batch."""

import dataclasses

import pytest
import torch
from conformance import (
    assert_lists_are_aligned,
    assert_logprobs_are_those_of_a_forward_pass,
    assert_replay_gives_the_recorded_logprobs,
    assert_same_rollouts,
    assert_temperatures_follow_from_entropies,
    by_identity,
    token_logits,
)
from rule_examples import EXAMPLES
from vllm_process import forking_process, load, needs_vllm, sample, sample_among, uneven_policy, vllm_engine

from mtpipe.errors import MtpipeError
from mtpipe.learn.scoring.sequences import pad, tempered_logprobs
from mtpipe.model.policy import load_policy, new_checkpoint
from mtpipe.sampling import torch_engine
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.tasks.synthetic.arithmetic import VOCABULARY
from mtpipe.temperature.mixed_cuts import MixedCuts
from mtpipe.temperature.rules import RULES
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import Truncation

pytestmark = [needs_vllm, pytest.mark.slow]

NATS = 2.2
TOKEN_RULES = [
    ResolvedEntropyThreshold(low=low, high=high, threshold=NATS) for low, high in ((0.9, 1.3), (1.0, 1.5), (1.1, 2.0))
]
PROMPTS = ["2+9*3-4>", "1+2>", "3*3*3*3*3>", "7-5+1>", "9>", *(f"{n}*{n}+{n}*{n}+{n}*{n}-{n}>" for n in range(1, 10))]
LENGTH = 40
SLOTS = 8


def plan(top_p=1.0) -> SamplingPlan:
    return SamplingPlan(1, "round 0", max_new_tokens=LENGTH, batch_size=1000, truncation=Truncation(top_p=top_p))


@pytest.fixture(scope="module")
def policy(folder):
    return load_policy(folder)


@pytest.fixture(scope="module")
def requests(policy):
    return [
        Request(prompt, index, policy.encode(prompt), 1.0, TOKEN_RULES[index])
        for prompt in PROMPTS
        for index in range(3)
    ]


def with_rule(requests: list[Request], rule) -> list[Request]:
    return [dataclasses.replace(request, rule=rule) for request in requests]


@pytest.fixture(scope="module")
def options(params):
    """A cache of eight blocks for eight slots, so that requests are preempted; prompts are read in pieces."""
    return params.sampling.vllm.model_copy(
        update={
            "kv_cache_gib": 8 * 32 * 1024 / 2**30,
            "engine_args": {"max_num_batched_tokens": 12, "logprobs_mode": "processed_logprobs", "block_size": 32},
        }
    )


@pytest.fixture(scope="module")
def engine(folder, options):
    with vllm_engine(folder, options, SLOTS) as call:
        yield call


def test_records_agree_with_a_forward_pass_at_the_recorded_temperatures(engine, policy, requests):
    responses = engine(sample, requests, plan())
    assert len(responses) == len(requests) > SLOTS
    assert_logprobs_are_those_of_a_forward_pass(policy, responses, tolerance=1e-5)
    assert_temperatures_follow_from_entropies(policy, responses, requests)
    assert_lists_are_aligned(responses, policy.stop_ids, LENGTH)
    assert len({temperature for response in responses for temperature in response.temperatures}) == 6
    assert len({len(response.response_ids) for response in responses}) > 5, "rows should end at different steps"


def test_both_engines_give_the_same_rollouts(engine, policy, requests):
    assert_same_rollouts(engine(sample, requests, plan()), torch_engine.sample(policy, requests, plan()))


def test_both_engines_truncate_to_the_same_nucleus(engine, policy, requests):
    requests, truncated = with_rule(requests, ResolvedUniform(temperature=0.6)), plan(top_p=0.8)
    assert_same_rollouts(engine(sample, requests, truncated), torch_engine.sample(policy, requests, truncated))


def test_rules_of_every_kind_agree_between_the_engines(engine, policy, requests):
    rules = [
        RULES[kind].model_validate({"kind": kind, **settings}).resolve(1.1, 0)
        for kind, settings in EXAMPLES.items()
        if not RULES[kind].resolved.batch_dependent
    ]
    mixed = [dataclasses.replace(one, rule=rules[index % len(rules)]) for index, one in enumerate(requests)]
    responses = engine(sample, mixed, plan())
    assert_temperatures_follow_from_entropies(policy, responses, mixed, plan())
    assert_same_rollouts(responses, torch_engine.sample(policy, mixed, plan()))


@pytest.mark.parametrize("truncation", [{"top_p": 0.8}, {"min_p": 0.1}, {"top_p": 0.9, "top_n_sigma": 1.0}])
def test_both_engines_record_the_same_masks_and_the_update_replays_them(engine, policy, requests, truncation):
    cut = dataclasses.replace(plan(), truncation=Truncation(**truncation), record_masks=True)
    responses = engine(sample, requests, cut)
    others = list(torch_engine.sample(policy, requests, cut))
    assert_same_rollouts(responses, others)
    masks = {identity: (one.mask_sizes, one.mask_ids) for identity, one in by_identity(others).items()}
    assert {identity: (one.mask_sizes, one.mask_ids) for identity, one in by_identity(responses).items()} == masks
    assert len({size for sizes, _ in masks.values() for size in sizes}) > 4
    assert_replay_gives_the_recorded_logprobs(policy, responses, tolerance=1e-5)
    assert_temperatures_follow_from_entropies(policy, responses, requests)


def test_both_engines_explore_in_the_same_responses_by_the_same_draws(engine, policy, requests):
    mixed = dataclasses.replace(plan(), mixed_cuts=MixedCuts(top_k=4, threshold=0.04, warm_up=3))
    asked = [dataclasses.replace(one, explores=one.sample == 2) for one in requests]
    responses, others = engine(sample, asked, mixed), list(torch_engine.sample(policy, asked, mixed))
    assert_same_rollouts(responses, others)
    cuts = {identity: (one.even_from, one.mask_sizes, one.mask_ids) for identity, one in by_identity(others).items()}
    found = by_identity(responses)
    assert {name: (one.even_from, one.mask_sizes, one.mask_ids) for name, one in found.items()} == cuts
    assert all((one.even_from == 3) == (one.sample == 2) for one in responses)
    assert all(bool(one.mask_ids) == (one.sample == 2 and len(one.response_ids) > 3) for one in responses)
    masked = [dataclasses.replace(one, mask_sizes=one.mask_sizes or [0] * len(one.response_ids)) for one in responses]
    assert_replay_gives_the_recorded_logprobs(policy, masked, tolerance=1e-5)


def test_what_vllm_cannot_keep_is_refused_before_anything_is_sampled(engine, requests):
    window = RULES["entropy_window"].model_validate({"kind": "entropy_window", "low": 1.0, "high": 1.2})
    with pytest.raises(MtpipeError, match="entropy_window depends on all that is sampled at the same time"):
        engine(sample, with_rule(requests, window.resolve(1.0, 0)), plan())


def test_both_engines_end_a_response_at_the_same_stop_strings(engine, policy, requests):
    stopping = dataclasses.replace(plan(), stop=("=", "1+"))
    responses = engine(sample, requests, stopping)
    assert any(policy.decode(response.response_ids).endswith(("=", "1+")) for response in responses)
    assert_same_rollouts(responses, torch_engine.sample(policy, requests, stopping))


def test_the_order_of_requests_changes_nothing(engine, requests):
    assert_same_rollouts(engine(sample, requests[::-1], plan()), engine(sample, requests, plan()))


def test_neighbours_in_the_batch_change_nothing_and_get_what_they_asked_for(engine, policy, requests):
    uniform = {"kind": "uniform", "temperature": 1.7}
    by_entropy = {"kind": "entropy_threshold", "low": 0.7, "high": 1.4, "threshold": 1.0}
    ask = {"top_p": 1.0, "top_k": 0, "min_p": 0.0}
    kinds = [
        {**ask, "temperature": 0.7, "max_tokens": 25},
        {**ask, "temperature": 0.0, "max_tokens": 9},
        {**ask, "temperature": 1.0, "max_tokens": 31, "extra_args": {"token_temperature": uniform}},
        {**ask, "temperature": 1.0, "max_tokens": 17, "extra_args": {"token_temperature": by_entropy}},
    ]
    neighbours = [(request.prompt_ids, kinds[index % 4]) for index, request in enumerate(requests[:24])]
    responses, others, preempted = engine(sample_among, requests, plan(), neighbours)
    assert len(preempted) > 3, "the cache was meant to be too small for all slots"
    assert_same_rollouts(responses, torch_engine.sample(policy, requests, plan()))
    for index, ((prompt_ids, asked), (tokens, logprobs)) in enumerate(zip(neighbours, others, strict=True)):
        sequences = pad([prompt_ids], [tokens])
        with torch.no_grad():
            logits = token_logits(policy.model, sequences)
        assert len(tokens) == asked["max_tokens"]
        if asked["temperature"] == 0.0:
            assert tokens == logits.argmax(-1).tolist()
            continue
        entropies = torch.special.entr(logits.softmax(-1)).sum(-1)
        temperatures = {
            0: torch.full_like(entropies, 0.7),
            2: torch.full_like(entropies, 1.7),
            3: torch.where(entropies >= 1.0, 1.4, 0.7),
        }[index % 4]
        expected, _ = tempered_logprobs(logits, sequences.targets, temperatures)
        torch.testing.assert_close(torch.tensor(logprobs), expected, atol=1e-5, rtol=0)


def test_another_checkpoint_loads_into_the_running_engine(engine, folder, requests, params, tmp_path):
    other = uneven_policy(tmp_path, params, seed=5)
    first = by_identity(engine(sample, requests, plan()))
    engine(load, other)
    responses = engine(sample, requests, plan())
    assert_same_rollouts(responses, torch_engine.sample(load_policy(other), requests, plan()))
    assert any(first[key].response_ids != one.response_ids for key, one in by_identity(responses).items())
    engine(load, folder)
    assert_same_rollouts(engine(sample, requests, plan()), first.values())


def test_a_checkpoint_of_another_vocabulary_or_size_is_refused_and_the_engine_goes_on(
    engine, requests, params, tmp_path
):
    before = engine(sample, requests[:8], plan())
    sizes = params.model.model_copy(update={"hidden_size": 64, "heads": 2, "layers": 2})
    new_checkpoint(tmp_path / "vocabulary", sizes, VOCABULARY + "abc", max_positions=128)
    new_checkpoint(tmp_path / "sizes", sizes.model_copy(update={"layers": 3}), VOCABULARY, max_positions=128)
    with pytest.raises(MtpipeError, match="another vocabulary"):
        engine(load, tmp_path / "vocabulary")
    with pytest.raises(MtpipeError, match=r"sizes/config\.json has layer_types|num_hidden_layers 3"):
        engine(load, tmp_path / "sizes")
    assert_same_rollouts(engine(sample, requests[:8], plan()), before)


def test_requests_that_do_not_fit_are_refused_before_anything_is_sampled(engine, requests):
    too_long = SamplingPlan(1, "round 0", max_new_tokens=126, batch_size=8)
    with pytest.raises(MtpipeError, match=r"126 may follow, but vLLM was started for 128"):
        engine(sample, requests, too_long)
    faulty = TOKEN_RULES[0].model_copy(update={"low": -1.0})
    with pytest.raises(MtpipeError, match=r"low: Input should be greater than 0; found -1"):
        engine(sample, with_rule(requests, faulty), plan())
    assert len(engine(sample, requests[:3], plan())) == 3


def test_workers_in_processes_of_their_own_record_the_same(folder, params, policy, requests):
    """Two tensor-parallel processes under an engine core in a third: records travel by RPC, steps overlap."""
    options = params.sampling.vllm.model_copy(update={"tensor_parallel_size": 2, "kv_cache_gib": 0.01})
    with forking_process() as process, vllm_engine(folder, options, 16, process) as engine:
        responses = engine(sample, requests, plan())
    assert_same_rollouts(responses, torch_engine.sample(policy, requests, plan()))
    assert_logprobs_are_those_of_a_forward_pass(policy, responses, tolerance=1e-5)
    assert_temperatures_follow_from_entropies(policy, responses, requests)
