import copy
import re

import pytest
import torch
from updating import GROUP_SIZE, RULE, sampled_groups, update, weights, with_rollouts

from mtpipe.errors import MtpipeError
from mtpipe.learn.batching.groups import RolloutGroup
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.state.optimizer import write_state
from mtpipe.records import NOT_EVEN
from mtpipe.temperature.mixed_cuts import MixedCuts
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import Truncation


def test_before_the_first_step_every_ratio_is_one(policy, groups, settings):
    first, second = update(policy, groups, settings)
    assert first["ratio"] == pytest.approx(1.0, abs=1e-5)
    assert first["ratio_max"] == pytest.approx(1.0, abs=1e-4)
    assert first["clip_fraction"] == 0
    assert second["ratio_max"] > 1.001, "by the second step the policy has moved"


def test_temperatures_shifted_by_one_token_are_caught_before_any_weight_changes(policy, groups, settings):
    def shift(rollout):
        rollout.temperatures = rollout.temperatures[:1] + rollout.temperatures[:-1]

    before = weights(policy)
    with pytest.raises(MtpipeError, match=r"do not fit the policy.*temperatures are not aligned"):
        update(policy, with_rollouts(groups, shift), settings)
    assert torch.equal(weights(policy), before)


def test_rollouts_of_another_policy_are_caught(policy, groups, settings):
    with torch.no_grad():
        policy.model.get_input_embeddings().weight.mul_(1.01)
    with pytest.raises(MtpipeError, match="do not fit the policy"):
        update(policy, groups, settings)


@pytest.mark.parametrize("share_prompts", [False, True])
def test_a_log_prob_that_does_not_fit_is_named_by_problem_and_token(policy, groups, settings, share_prompts):
    chosen = next(rollout for rollout in groups[1].rollouts if len(rollout.response_ids) > 2)
    chosen.behaviour_logprobs[2] -= 5.0
    everything = settings.model_copy(
        update={"prompts_per_step": len(groups), "keep_zero_advantage_groups": True, "share_prompts": share_prompts}
    )
    with pytest.raises(MtpipeError, match=rf"problem '{re.escape(chosen.problem_id)}', token 2 was sampled with"):
        update(policy, groups, everything)


def test_rewarded_responses_become_likelier(policy, groups, settings):
    again = [RolloutGroup(group.problem_id, group.rollouts, group.rewards) for group in groups]
    update(policy, groups, settings.model_copy(update={"prompts_per_step": 6}))
    loose = settings.model_copy(update={"logprob_tolerance": 1e9, "prompts_per_step": 6})
    after = update(policy, again, loose)[0]
    assert after["loss"] < -1e-4, "the surrogate at advantages of mean 0 falls below 0 once the ratios favour reward"


def test_groups_of_equal_rewards_are_dropped_and_counted(policy, groups, settings):
    flat = [RolloutGroup(group.problem_id, group.rollouts, [1.0] * GROUP_SIZE) for group in groups]
    before = weights(policy)
    steps = update(policy, flat, settings)
    assert [step["groups_dropped"] for step in steps] == [3, 3]
    assert all("loss" not in step for step in steps)
    assert torch.equal(weights(policy), before)


def test_micro_batches_change_the_gradient_by_rounding_only(policy, groups, settings):
    twin = copy.deepcopy(policy)
    whole = update(policy, groups, settings)
    split = update(twin, groups, settings.model_copy(update={"tokens_per_micro_batch": 40}))
    torch.testing.assert_close(weights(policy), weights(twin), atol=1e-4, rtol=0)
    assert whole[0]["loss"] == pytest.approx(split[0]["loss"], abs=1e-5)


def test_nan_names_the_batch(policy, groups, settings):
    def poison(rollout):
        rollout.behaviour_logprobs = [float("nan")] * len(rollout.behaviour_logprobs)

    with pytest.raises(MtpipeError, match=r"loss is nan in the batch of problems .*; the round stops here, its inputs"):
        update(policy, [*groups[:3], *with_rollouts(groups[3:], poison)], settings)
    with pytest.raises(MtpipeError, match="sampled with nan nats"):
        update(policy, with_rollouts(groups, poison), settings)


def test_optimizer_state_makes_two_rounds_the_same_as_one_run(policy, groups, settings, tmp_path):
    whole, halves = copy.deepcopy(policy), copy.deepcopy(policy)
    through = Learner.of(whole, settings)
    update(whole, groups, settings, through)

    first = Learner.of(halves, settings)
    update(halves, groups[:3], settings, first)
    write_state(first.optimizer.tensors(), tmp_path / "state")
    loose = settings.model_copy(update={"logprob_tolerance": 1e9})
    second = Learner.of(halves, loose)
    second.optimizer.load(tmp_path / "state")
    update(halves, groups[3:], loose, second)
    assert second.optimizer.step_count == through.optimizer.step_count == 2
    assert torch.equal(weights(halves), weights(whole))


def test_an_optimizer_state_of_another_model_is_refused(policy, settings, tmp_path):
    state = tmp_path / "optimizer.safetensors"
    state.write_bytes(b"not safetensors")
    with pytest.raises(MtpipeError, match=r"optimizer\.safetensors is not the optimizer state"):
        Learner.of(policy, settings).optimizer.load(state)


@pytest.mark.parametrize("importance", ["token_truncate", "sequence_mask"])
def test_the_untempered_target_scores_at_one_and_weighs_what_temperature_changed(policy, groups, settings, importance):
    untempered = settings.model_copy(update={"target": "untempered", "importance": importance, "importance_cap": 3.0})
    first, second = update(policy, groups, untempered)
    assert first["ratio"] == pytest.approx(1.0, abs=1e-5), "both sides of the ratio are at T=1"
    assert second["ratio_max"] > 1.001
    assert first["importance"] != 1
    assert 0 <= first["importance_capped"] < 1
    assert 0 < first["effective_share"] < 1


def test_where_every_temperature_is_one_both_targets_take_the_same_step(policy, settings):
    twin = copy.deepcopy(policy)
    groups = sampled_groups(policy, ResolvedUniform(temperature=1.0))
    tempered = update(policy, groups, settings)
    untempered = update(twin, groups, settings.model_copy(update={"target": "untempered"}))
    assert tempered[0]["loss"] == pytest.approx(untempered[0]["loss"], abs=1e-5)
    assert tempered[0]["kl_behaviour"] == pytest.approx(0, abs=1e-5)
    assert tempered[1]["kl_behaviour"] > 1e-5, "by the second step the policy has drifted"
    torch.testing.assert_close(weights(policy), weights(twin), atol=1e-3, rtol=0)


@pytest.mark.parametrize("loss", ["grpo", "dapo", "bnpo", "dr_grpo", "gspo", "cispo"])
def test_no_loss_depends_on_the_micro_batches(policy, groups, settings, loss):
    twin = copy.deepcopy(policy)
    chosen = settings.model_copy(update={"loss": loss, "prompts_per_step": 6})
    whole = update(policy, groups, chosen)
    split = update(twin, groups, chosen.model_copy(update={"tokens_per_micro_batch": 40}))
    for key in ("loss", "grad_norm", "clip_fraction", "effective_share", "kl_behaviour"):
        assert whole[0][key] == pytest.approx(split[0][key], rel=1e-4, abs=1e-5)


def test_a_kl_to_a_reference_holds_the_policy_back(policy, groups, settings):
    twin, reference = copy.deepcopy(policy), copy.deepcopy(policy)
    start = weights(policy)
    held = settings.model_copy(update={"kl_coefficient": 10.0, "prompts_per_step": 2, "learning_rate": 3e-4})
    steps = update(policy, groups, held, reference=reference)
    free = update(twin, groups, held.model_copy(update={"kl_coefficient": 0.0}))
    assert steps[0]["kl_reference"] == pytest.approx(0, abs=1e-6)
    assert steps[-1]["kl_reference"] > 0
    assert steps[-1]["kl_behaviour"] != free[-1]["kl_behaviour"]
    assert torch.equal(weights(reference), start)


@pytest.mark.slow
def test_gradient_checkpointing_changes_nothing(policy, groups, settings):
    twin = copy.deepcopy(policy)
    update(policy, groups, settings)
    update(twin, groups, settings.model_copy(update={"gradient_checkpointing": True}))
    torch.testing.assert_close(weights(policy), weights(twin), atol=1e-5, rtol=0)


def test_bfloat16_keeps_float32_weights(policy, groups, settings):
    steps = update(policy, groups, settings.model_copy(update={"precision": "bfloat16", "logprob_tolerance": 1e9}))
    assert all("loss" in step for step in steps)
    assert {parameter.dtype for parameter in policy.model.parameters()} == {torch.float32}


def test_a_token_outside_the_vocabulary_is_refused(policy, groups, settings):
    def widen(rollout):
        rollout.response_ids[-1] = 5000

    with pytest.raises(MtpipeError, match=r"has the token 5000, the policy's vocabulary ends at \d+"):
        update(policy, with_rollouts(groups, widen), settings)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "python"],
)
def test_out_of_memory_names_the_setting_to_lower(policy, groups, settings, monkeypatch, error):
    def exhausted(*_, **__):
        raise error

    learner = Learner.of(policy, settings)
    monkeypatch.setattr(policy.model.base_model, "forward", exhausted)
    with pytest.raises(MtpipeError, match=r"lower update\.tokens_per_micro_batch \(now 16384\)"):
        update(policy, groups, settings, learner)


def test_any_other_error_of_torch_keeps_its_own_words(policy, groups, settings, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a defect")

    learner = Learner.of(policy, settings)
    monkeypatch.setattr(policy.model.base_model, "forward", broken)
    with pytest.raises(RuntimeError, match="a defect"):
        update(policy, groups, settings, learner)


@pytest.fixture
def truncated(policy) -> list[RolloutGroup]:
    """The same prompts, with the least likely tokens left out."""
    groups = sampled_groups(policy, RULE, truncation=Truncation(top_p=0.8, min_p=0.05), record_masks=True)
    sizes = [size for group in groups for rollout in group.rollouts for size in rollout.mask_sizes]
    assert 0 < min(sizes) < max(sizes) < 18
    return groups


def test_with_the_masks_of_a_truncation_log_probs_are_those_of_the_rollouts(policy, truncated, settings):
    exact = settings.model_copy(update={"logprob_tolerance": 1e-5})
    first, second = update(policy, truncated, exact)
    assert first["ratio"] == pytest.approx(1.0, abs=1e-5)
    assert second["ratio_max"] > 1.001, "by the second step the policy has moved"


@pytest.fixture
def mixed(policy) -> list[RolloutGroup]:
    """Groups whose last two responses are drawn evenly from the fourth token on."""
    cuts = MixedCuts(top_k=4, threshold=0.02, warm_up=3)
    return sampled_groups(policy, RULE, explorers=2, mixed_cuts=cuts)


@pytest.mark.parametrize("importance", ["none", "token_truncate"])
def test_tokens_that_were_drawn_evenly_are_replayed_and_weighed_by_the_policys_own_log_probs(
    policy, mixed, settings, importance
):
    exact = {"target": "untempered", "importance": importance, "logprob_tolerance": 1e-5}
    first, second = update(policy, mixed, settings.model_copy(update=exact))
    assert first["mismatch"][0]["largest"] < 1e-4
    assert first["ratio"] == pytest.approx(1.0, abs=1e-5), "both sides are the policy's own, at T=1"
    assert second["ratio_max"] > 1.001
    assert (first["importance"] == 1) == (importance == "none")
    assert (first["importance_capped"] == 0) == (importance == "none")


def test_responses_that_explored_and_do_not_say_so_are_caught(policy, mixed, settings):
    def unmarked(rollout):
        rollout.even_from = NOT_EVEN

    untempered = settings.model_copy(update={"target": "untempered"})
    with pytest.raises(MtpipeError, match="do not fit the policy"):
        update(policy, with_rollouts(mixed, unmarked), untempered)


def test_a_token_that_is_none_of_its_candidates_is_caught(policy, mixed, settings):
    def moved(rollout):
        rollout.mask_ids = [(token + 1) % 18 for token in rollout.mask_ids]

    untempered = settings.model_copy(update={"target": "untempered"})
    with pytest.raises(MtpipeError, match="do not fit the policy"):
        update(policy, with_rollouts(mixed, moved), untempered)


def test_temperatures_of_the_other_tokens_are_checked_beside_those_drawn_evenly(policy, mixed, settings):
    def shifted(rollout):
        rollout.temperatures = rollout.temperatures[1:] + rollout.temperatures[:1]

    untempered = settings.model_copy(update={"target": "untempered"})
    with pytest.raises(MtpipeError, match="do not fit the policy"):
        update(policy, with_rollouts(mixed, shifted), untempered)


def test_a_truncation_without_its_masks_is_caught(policy, truncated, settings):
    def bare(rollout):
        rollout.mask_sizes, rollout.mask_ids = [], []

    with pytest.raises(MtpipeError, match="do not fit the policy"):
        update(policy, with_rollouts(truncated, bare), settings)


def test_a_reference_is_cut_as_the_rollouts_were(policy, truncated, settings):
    held = settings.model_copy(update={"kl_coefficient": 1.0})
    steps = update(policy, truncated, held, reference=copy.deepcopy(policy))
    assert steps[0]["kl_reference"] == pytest.approx(0, abs=1e-6)
