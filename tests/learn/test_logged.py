"""What a step logs, and the order of its work, against the same step by hand."""

import copy

import numpy as np
import pytest
import torch
from tqdm import tqdm
from updating import sampled_groups, update, weights

from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.learn.losses.entropy_bonus import Coefficient
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.update import coefficient_after, update_policy
from mtpipe.settings.update import EntropyBonus

PROMPTS = ["2+9*3-4>", "1+2>", "8-1>"]


@pytest.fixture
def rolled(policy):
    return sampled_groups(policy, prompts=PROMPTS)


def by_hand(policy, responses) -> tuple[np.ndarray, ...]:
    """Of all tokens: the log-probs at 1 of the policy, those recorded, advantages and weights."""
    columns = []
    for one in responses:
        rollout = one.rollout
        with torch.no_grad():
            logits = policy.model(torch.tensor([rollout.prompt_ids + rollout.response_ids])).logits[0].double()
        at = torch.arange(len(rollout.response_ids)), torch.tensor(rollout.response_ids)
        untempered = logits[len(rollout.prompt_ids) - 1 : -1].log_softmax(-1)[at].numpy()
        count = len(untempered)
        columns.append((untempered, rollout.behaviour_logprobs, [one.advantage] * count, [one.weight] * count))
    return tuple(np.concatenate(column) for column in zip(*columns, strict=True))


@pytest.mark.parametrize("tokens", [16384, 40])
@pytest.mark.parametrize("target", ["tempered", "untempered"])
def test_the_first_steps_numbers_are_those_of_its_tokens(policy, settings, rolled, target, tokens):
    settings = settings.model_copy(update={"target": target, "tokens_per_micro_batch": tokens, "prompts_per_step": 3})
    [step] = optimizer_steps(rolled, settings, 16)
    untempered, sampled, advantages, token_weights = by_hand(policy, step.responses)
    [found] = update(policy, rolled, settings)
    gap = untempered - sampled
    weight = np.minimum(np.exp(gap), settings.importance_cap) if target == "untempered" else np.ones_like(gap)
    assert found["loss"] == pytest.approx(-(weight * advantages * token_weights).sum(), rel=1e-3, abs=1e-5)
    assert found["kl_behaviour"] == pytest.approx(np.mean(np.exp(gap) - 1 - gap), rel=1e-3)
    assert found["effective_share"] == pytest.approx(weight.sum() ** 2 / (len(weight) * (weight**2).sum()), rel=1e-3)
    assert found["trained_tokens"] == len(gap)
    assert found["ratio_max"] == pytest.approx(1, abs=1e-3)
    if target == "untempered":
        assert found["importance"] == pytest.approx(weight.mean(), rel=1e-3)


def test_the_largest_ratio_is_that_of_all_micro_batches(policy, settings, rolled):
    changes = {"learning_rate": 3e-3, "prompts_per_step": 1, "warmup_steps": 0}
    twin = copy.deepcopy(policy)
    whole, parts = (
        update(one, rolled, settings.model_copy(update={**changes, "tokens_per_micro_batch": tokens}))
        for one, tokens in ((policy, 16384), (twin, 20))
    )
    taken = [(one, other) for one, other in zip(whole, parts, strict=True) if "loss" in one]
    assert max(one["ratio_max"] for one, _ in taken) > 1.01 or len(taken) == 1
    for one, other in taken:
        assert other["ratio_max"] == pytest.approx(one["ratio_max"], rel=1e-2)


@pytest.mark.parametrize("target", ["tempered", "untempered"])
def test_a_policy_that_is_its_own_reference_has_no_kl_at_the_first_step(policy, settings, rolled, target):
    settings = settings.model_copy(update={"kl_coefficient": 1.0, "target": target, "prompts_per_step": 3})
    [first] = update(policy, rolled, settings, reference=copy.deepcopy(policy))
    assert first["kl_reference"] == pytest.approx(0, abs=1e-6)
    assert first["ratio_max"] == pytest.approx(1, abs=1e-3)


def test_a_step_moves_no_weight_by_more_than_its_clipped_gradient_allows(policy, settings, rolled):
    """With betas of 0 and a gradient far below AdamW's ε, a step is the learning rate times gradient over ε."""
    changes = {"betas": (0.0, 0.0), "max_grad_norm": 1e-12, "learning_rate": 1.0, "warmup_steps": 0}
    before = weights(policy)
    [step] = update(policy, rolled, settings.model_copy(update={**changes, "prompts_per_step": 3}))
    assert step["grad_norm"] > 1e-3
    assert (weights(policy) - before).norm() <= 1e-12 / 1e-8 * 1.01


@pytest.mark.parametrize(("target", "rises"), [("tempered", True), ("untempered", False)])
def test_the_bonus_follows_the_entropy_of_the_distribution_that_is_scored(settings, target, rises):
    bonus = EntropyBonus(target=1.0, change=0.1, largest=1.0)
    settings = settings.model_copy(update={"entropy_bonus": bonus, "target": target})
    metrics = [{"loss": 0.0, "entropy_tempered": 0.5, "entropy": 1.5}]
    assert (coefficient_after(metrics, settings, Coefficient()).value > 0) is rises


def test_steps_are_told_by_their_number_in_the_round(policy, settings, rolled):
    steps = optimizer_steps(rolled, settings.model_copy(update={"prompts_per_step": 1}), 16)
    told = []
    learner = Learner.of(policy, settings)
    found = update_policy(
        learner, steps, tqdm(disable=True), after_step=lambda step, metrics: told.append((step, metrics))
    )
    numbers = [{key: value for key, value in metrics.items() if key != "mismatch"} for metrics in found]
    assert told == list(zip((1, 2, 3), numbers, strict=True))
