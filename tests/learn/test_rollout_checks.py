"""Before the first step: recorded log-probs and temperatures held against the policy's own."""

import copy

import numpy as np
import pytest
import torch
from updating import sampled_groups, update, weights, with_rollouts

from mtpipe.errors import MtpipeError
from mtpipe.learn.rollout_checks import explains
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.rules.uniform import ResolvedUniform

NARROW = ResolvedEntropyThreshold(low=1.0, high=1.06, threshold=2.2)
"""Temperatures that bfloat16 cannot hide, but that no mean of |log-prob differences| shows."""


@pytest.fixture
def in_bfloat16(policy):
    """The same policy with weights and products in bfloat16, as an engine has it."""
    rounded = copy.deepcopy(policy)
    rounded.model.bfloat16()
    return rounded


@pytest.fixture
def tolerant(settings):
    return settings.model_copy(update={"logprob_tolerance": 0.02, "prompts_per_step": 6})


def before(rollout):
    rollout.temperatures = rollout.temperatures[:1] + rollout.temperatures[:-1]


def after(rollout):
    rollout.temperatures = rollout.temperatures[1:] + rollout.temperatures[-1:]


def test_noise_of_bfloat16_alone_is_let_through_and_reported(policy, in_bfloat16, tolerant):
    [step] = update(policy, sampled_groups(in_bfloat16, NARROW), tolerant)
    whole = step["mismatch"][0]
    assert 1e-5 < whole["mean"] < 0.02
    assert whole["largest"] > 3 * whole["mean"]
    assert whole["tokens"] == step["trained_tokens"]
    assert {row["by"] for row in step["mismatch"]} == {"all", "heat", "temperature", "entropy"}


@pytest.mark.parametrize(("shift", "said"), [(before, "token after"), (after, "token before")])
def test_temperatures_shifted_by_one_token_are_caught_in_bfloat16(policy, in_bfloat16, tolerant, shift, said):
    groups, start = with_rollouts(sampled_groups(in_bfloat16, NARROW), shift), weights(policy)
    with pytest.raises(MtpipeError, match=f"not aligned with their tokens. Those of the {said} explain"):
        update(policy, groups, tolerant)
    assert torch.equal(weights(policy), start)


def test_the_temperatures_of_the_groups_next_response_are_caught_in_bfloat16(policy, in_bfloat16, tolerant):
    groups = sampled_groups(in_bfloat16, ResolvedUniform(temperature=1.0))
    warmer = sampled_groups(in_bfloat16, ResolvedUniform(temperature=1.06))
    for group, other in zip(groups, warmer, strict=True):
        group.rollouts[1::2] = other.rollouts[1::2]
        own = [rollout.temperatures[0] for rollout in group.rollouts]
        for rollout, temperature in zip(group.rollouts, own[-1:] + own[:-1], strict=True):
            rollout.temperatures = [temperature] * len(rollout.temperatures)
    with pytest.raises(MtpipeError, match="Those of the group's next response explain"):
        update(policy, groups, tolerant)


def test_log_probs_recorded_at_a_temperature_of_one_are_caught_in_bfloat16(policy, in_bfloat16, tolerant):
    def claimed(rollout):
        rollout.temperatures = [1.06] * len(rollout.temperatures)

    groups = with_rollouts(sampled_groups(in_bfloat16, ResolvedUniform(temperature=1.0)), claimed)
    with pytest.raises(MtpipeError, match="Temperatures of 1 explain"):
        update(policy, groups, tolerant)


def test_one_token_that_is_far_off_is_no_fault_but_the_mean_is(policy, in_bfloat16, tolerant):
    groups = sampled_groups(in_bfloat16, NARROW)
    groups[0].rollouts[0].behaviour_logprobs[0] -= 1.5
    [step] = update(copy.deepcopy(policy), groups, tolerant)
    assert step["mismatch"][0]["largest"] == pytest.approx(1.5, abs=0.1)
    with pytest.raises(MtpipeError, match=r"differ by 0\.0\d+ nats a token .*allowed: 0\.001"):
        update(policy, groups, tolerant.model_copy(update={"logprob_tolerance": 0.001}))


def test_without_a_tolerance_of_its_own_the_precisions_decide(params):
    own = params.update.model_copy(update={"precision": "bfloat16"})
    assert (params.update.tolerance, own.tolerance) == (1e-5, 0.02)
    assert params.update_of("token").logprob_tolerance == 1e-5
    vllm = params.sampling.vllm.model_copy(update={"dtype": "bfloat16"})
    sampling = params.sampling.model_copy(update={"engine": "vllm", "vllm": vllm})
    assert params.model_copy(update={"sampling": sampling}).update_of("token").logprob_tolerance == 0.02
    sampling = params.sampling.model_copy(update={"torch_dtype": "bfloat16"})
    assert params.model_copy(update={"sampling": sampling}).update_of("token").logprob_tolerance == 0.02
    set_here = params.update.model_copy(update={"logprob_tolerance": 0.3})
    assert params.model_copy(update={"update": set_here}).update_of("token").logprob_tolerance == 0.3


@pytest.mark.parametrize("seed", range(20))
def test_the_coefficient_decides_only_where_the_noise_lets_it(seed):
    generator = np.random.default_rng(seed)
    change, noise = generator.normal(0, 0.05, 4000), generator.standard_t(3, 4000) * 0.02
    assert explains(noise, change) is None, "aligned"
    assert explains(noise + change, change) == pytest.approx(1.0, abs=0.3), "the other temperatures"
    assert explains(noise + 0.001 * change, 0.001 * change) is None, "nobody can tell them apart"
    assert explains(noise, 0 * change) is None, "one temperature"
