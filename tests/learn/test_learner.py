"""A learner's optimizer is the one that its settings describe, and its state is that of the folder it comes from."""

import copy

import pytest
import torch

from mtpipe.learn.losses.entropy_bonus import Coefficient, write_coefficient
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.state.optimizer import Optimizer, write_state
from mtpipe.model.policy import save_policy

SETTINGS = {
    "learning_rate": 0.01, "warmup_steps": 4, "betas": (0.7, 0.8), "weight_decay": 0.5, "max_grad_norm": 0.3,
    "optimizer": "adamw",
}  # fmt: skip


def with_gradients(model: torch.nn.Module, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator) * (step + 1)


def peer_step(peer: torch.optim.Optimizer, model: torch.nn.Module, step: int) -> float:
    """The same step of torch's own AdamW, with clipping and warm-up by hand; returns the norm before clipping."""
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.3)
    for group in peer.param_groups:
        group["lr"] = 0.01 * min(1.0, (step + 1) / 4)
    peer.step()
    return norm.item()


def assert_equal(one: torch.nn.Module, other: torch.nn.Module) -> None:
    for left, right in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize("through_learner", [True, False])
def test_the_optimizer_is_adamw_with_clipping_warm_up_decay_and_betas(policy, params, through_learner):
    twin = copy.deepcopy(policy.model)
    if through_learner:
        ours = Learner.of(policy, params.update.model_copy(update=SETTINGS)).optimizer
    else:
        ours = Optimizer(policy.model, 0.01, 4, (0.7, 0.8), 0.5, 0.3)
    peer = torch.optim.AdamW(twin.parameters(), lr=0.01, betas=(0.7, 0.8), weight_decay=0.5)
    for step in range(6):
        for model in (policy.model, twin):
            with_gradients(model, step)
        norm = peer_step(peer, twin, step)
        assert ours.clip() == pytest.approx(norm)
        ours.step()
        assert all(parameter.grad is None for parameter in policy.model.parameters())
        assert_equal(policy.model, twin)


def test_a_loaded_learner_goes_on_with_the_folders_optimizer_and_coefficient_and_the_references_weights(
    policy, params, policy_folder, tmp_path
):
    settings = params.update.model_copy(update={**SETTINGS, "kl_coefficient": 0.1})
    reference = copy.deepcopy(policy)
    learner = Learner.of(policy, settings)
    for step in range(3):
        with_gradients(policy.model, step)
        learner.optimizer.clip()
        learner.optimizer.step()
    for name, one in (("policy", policy), ("reference", reference)):
        save_policy(one, tmp_path / name, tokenizer_from=policy_folder)
    write_state(learner.optimizer.tensors(), tmp_path / "state")
    write_coefficient(tmp_path / "policy", Coefficient(0.25, True))

    device, folder = torch.device("cpu"), tmp_path / "policy"
    loaded = Learner.load(folder, settings, device, tmp_path / "reference", state=tmp_path / "state")
    assert loaded.coefficient == Coefficient(0.25, True)
    assert loaded.optimizer.step_count == 3
    assert_equal(loaded.reference.model, reference.model)
    assert_equal(loaded.policy.model, policy.model)
    for one in (learner, loaded):
        with_gradients(one.policy.model, 3)
        one.optimizer.clip()
        one.optimizer.step()
    assert_equal(loaded.policy.model, policy.model)
    without = settings.model_copy(update={"kl_coefficient": 0.0})
    assert Learner.load(tmp_path / "policy", without, torch.device("cpu"), tmp_path / "reference").reference is None
