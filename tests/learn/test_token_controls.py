"""Losses that treat some tokens apart, each against a hand-worked example and through whole updates."""

import copy
import math

import pytest
import torch
from updating import update, weights

from mtpipe.learn.batching.steps import optimizer_steps
from mtpipe.learn.batching.token_masks import token_masks
from mtpipe.learn.losses.covariance import clip_cov, covariances, held_back, kl_cov
from mtpipe.learn.losses.entropy_bonus import Coefficient, read_coefficient, write_coefficient
from mtpipe.learn.losses.high_entropy import reasoning_tokens, top_entropy
from mtpipe.learn.losses.surrogates import clipped
from mtpipe.settings.update import ClipCov, EntropyBonus, EntropyClip, KlCov

pytestmark = pytest.mark.slow

CONTROLS = {
    "top_entropy": {"top_entropy": 0.2},
    "entropy_clip": {"entropy_clip": EntropyClip()},
    "entropy_bonus": {"entropy_bonus": EntropyBonus(target=9.0, change=0.05, largest=0.2)},
    "clip_cov": {"covariance": ClipCov(kind="clip_cov", share=0.1, low=0.5)},
    "kl_cov": {"covariance": KlCov(kind="kl_cov", share=0.1)},
}


def test_the_top_fifth_of_ten_tokens_is_two_and_equal_entropies_go_together():
    entropies = torch.tensor([0.1, 0.9, 0.2, 0.3, 0.8, 0.0, 0.0, 0.4, 0.5, 0.6])
    assert top_entropy(entropies, 0.2).nonzero().squeeze(1).tolist() == [1, 4]
    assert top_entropy(entropies, 0.11).sum() == 2, "the share is rounded up"
    assert top_entropy(torch.zeros(5), 0.2).all()
    assert top_entropy(entropies, 1.0).all()


def test_each_response_has_its_own_quantile():
    entropies = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0, 0.2, 0.1])
    row = torch.tensor([0, 0, 0, 0, 0, 1, 1])
    # response 0: the quantile 0.8 of 0, 1, 2, 3, 4 is 3.2; response 1: 0.1 + 0.8 * 0.1 = 0.18
    assert reasoning_tokens(entropies, row, 0.8).tolist() == [False, False, False, False, True, True, False]


def test_a_reasoning_token_may_move_further_than_a_knowledge_token():
    ranges = torch.tensor([0.5, 0.2])
    found = clipped(torch.tensor([1.4, 1.4]).log(), torch.ones(2), ranges, ranges, None)
    assert found.loss.tolist() == pytest.approx([-1.4, -1.2])
    assert found.clipped.tolist() == [False, True]


def test_a_covariance_is_the_product_of_both_distances_from_the_mean():
    found = covariances(torch.tensor([-1.0, -3.0, -2.0]), torch.tensor([2.0, 0.0, 1.0]))
    assert found.tolist() == pytest.approx([1.0, 1.0, 0.0])


def test_clip_cov_draws_its_tokens_from_the_band_the_same_ones_each_time():
    found = torch.tensor([0.0, 2.0, 6.0, 1.0, 3.0, 4.0, 1.5, -2.0, 0.5, 0.1])
    chosen = clip_cov(found, 0.2, 1.0, 5.0, "p/q")
    assert chosen.sum() == 2
    assert set(chosen.nonzero().squeeze(1).tolist()) <= {1, 4, 5, 6}
    assert torch.equal(chosen, clip_cov(found, 0.2, 1.0, 5.0, "p/q"))
    draws = {tuple(clip_cov(found, 0.2, 1.0, 5.0, str(seed)).tolist()) for seed in range(30)}
    assert len(draws) > 3
    assert clip_cov(found, 0.01, 1.0, 5.0, "p").sum() == 1, "one at least"
    assert not clip_cov(found, 0.2, 7.0, 9.0, "p").any(), "none where the band is empty"


def test_kl_cov_takes_the_tokens_of_the_highest_covariance():
    assert kl_cov(torch.tensor([0.0, 2.0, 6.0, 1.0, 3.0]), 0.4).tolist() == [False, False, True, False, True]
    assert kl_cov(torch.tensor([0.0, 2.0, 6.0]), 0.01).tolist() == [False, False, True]


def test_the_kl_holds_back_towards_ratio_one_from_both_sides_and_not_at_it():
    log_ratio = torch.tensor([math.log(2.0), math.log(0.5), 0.0], requires_grad=True)
    found = held_back(log_ratio)
    assert found.tolist() == pytest.approx([1 - math.log(2), math.log(2) - 0.5, 0.0])
    found.sum().backward()
    assert log_ratio.grad.tolist() == pytest.approx([1.0, -0.5, 0.0])


def test_the_bonus_rises_below_the_target_falls_above_it_and_keeps_its_bounds(tmp_path):
    bonus = EntropyBonus(target=0.2, change=1e-4, largest=2.5e-4)
    coefficient, used = Coefficient(), []
    for entropy in (0.1, 0.1, 0.1, 0.2, 0.3, 0.3, 0.3):
        coefficient = coefficient.after(entropy, bonus)
        used.append((coefficient.value, coefficient.used))
        write_coefficient(tmp_path, coefficient)
        assert read_coefficient(tmp_path) == coefficient
    values, weights_used = zip(*used, strict=True)
    assert values == pytest.approx([1e-4, 2e-4, 2.5e-4, 1.5e-4, 0.5e-4, 0.0, 0.0])
    assert weights_used == pytest.approx([1e-4, 2e-4, 2.5e-4, 1.5e-4, 0.0, 0.0, 0.0]), "off above the target"
    assert read_coefficient(tmp_path / "none") == Coefficient()


def test_by_default_no_token_is_treated_apart(groups, settings):
    rows = [row for group in groups for row in group.rollouts]
    assert token_masks(rows, [1.0] * len(rows), settings) == [{}] * len(rows)


def test_a_control_that_holds_for_every_token_leaves_the_update_bit_by_bit(policy, groups, settings):
    twin = copy.deepcopy(policy)
    plain = update(policy, groups, settings)
    controlled = update(twin, groups, settings.model_copy(update={"top_entropy": 1.0}))
    assert torch.equal(weights(policy), weights(twin))
    assert [step["loss"] for step in plain] == [step["loss"] for step in controlled]


@pytest.mark.parametrize("control", CONTROLS)
def test_no_control_depends_on_the_micro_batches_and_each_has_an_effect(policy, groups, settings, control):
    twin, without = copy.deepcopy(policy), copy.deepcopy(policy)
    plain = settings.model_copy(update={"prompts_per_step": 2, "learning_rate": 1e-2, "loss": "grpo"})
    chosen = plain.model_copy(update=CONTROLS[control])
    whole = update(policy, groups, chosen)
    split = update(twin, groups, chosen.model_copy(update={"tokens_per_micro_batch": 40}))
    for one, other in zip(whole, split, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=2e-3, abs=1e-4)
    update(without, groups, plain)
    assert (weights(policy) - weights(without)).abs().max() > 1e-3


def test_tokens_that_are_not_kept_have_no_gradient_and_the_others_count_as_before(groups, settings):
    steps = optimizer_steps(groups, settings.model_copy(update={"top_entropy": 0.2}), 16)
    plain = optimizer_steps(groups, settings, 16)
    for step, before in zip(steps, plain, strict=True):
        kept = [flag for one in step.responses for flag in one.surrogate_mask]
        assert 0.2 <= sum(kept) / len(kept) < 0.25
        assert [one.weight for one in step.responses] == [one.weight for one in before.responses]


def test_the_bonus_keeps_the_policy_more_even_and_its_coefficient_is_logged(policy, groups, settings):
    twin = copy.deepcopy(policy)
    chosen = settings.model_copy(update={"prompts_per_step": 1, "learning_rate": 3e-3})
    bonus = EntropyBonus(target=9.0, change=0.2, largest=1.0)
    held = update(policy, groups, chosen.model_copy(update={"entropy_bonus": bonus}))
    free = update(twin, groups, chosen)
    taken = [step for step in held if "loss" in step]
    assert [step["entropy_coefficient"] for step in taken] == pytest.approx([0.2 * n for n in range(len(taken))])
    assert held[-1]["entropy_tempered"] > free[-1]["entropy_tempered"] + 0.01
