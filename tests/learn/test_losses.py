import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from mtpipe.learn.batching.advantages import group_advantages
from mtpipe.learn.losses.surrogates import clipped, k3


def one_token(ratio: float, advantage: float, dual_clip: float | None = 10.0) -> tuple[float, bool, float]:
    """The loss of one token, whether it is clipped, and its gradient with respect to the log-prob."""
    logprob = torch.tensor([math.log(ratio)], requires_grad=True)
    result = clipped(logprob, torch.tensor([advantage]), 0.2, 0.28, dual_clip)
    result.loss.sum().backward()
    return result.loss.item(), bool(result.clipped), logprob.grad.item()


def test_at_ratio_one_the_gradient_is_that_of_reinforce():
    assert one_token(1.0, 2.0) == pytest.approx((-2.0, False, -2.0))


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "held"),
    [
        (1.5, 1.0, -1.28, True),
        (0.5, -1.0, 0.8, True),
        (0.5, 1.0, -0.5, False),
        (1.5, -1.0, 1.5, False),
        (20.0, -1.0, 10.0, True),
    ],
)
def test_the_clip_is_asymmetric_and_negative_advantages_are_bounded(ratio, advantage, loss, held):
    found, was_clipped, gradient = one_token(ratio, advantage)
    assert found == pytest.approx(loss)
    assert was_clipped is held
    assert (gradient == 0) is held


def test_without_dual_clip_a_negative_advantage_is_unbounded():
    assert one_token(20.0, -1.0, dual_clip=None)[0] == pytest.approx(20.0)


def test_advantages_are_standardised_within_the_group():
    advantages, varied = group_advantages(torch.tensor([[1.0, 0.0, 0.0, 1.0]]))
    assert varied.tolist() == [True]
    assert advantages[0].tolist() == pytest.approx([0.8659, -0.8659, -0.8659, 0.8659], abs=1e-3)


@given(st.floats(-5, 5), st.integers(2, 16))
def test_a_group_of_equal_rewards_teaches_nothing(reward, size):
    advantages, varied = group_advantages(torch.full((1, size), reward, dtype=torch.float64))
    assert not varied.any()
    assert (advantages == 0).all()


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=16))
def test_advantages_sum_to_zero_within_a_group(rewards):
    advantages, _ = group_advantages(torch.tensor([rewards], dtype=torch.float64))
    assert abs(float(advantages.sum())) < 1e-9


def test_shapes_are_checked_while_tests_run():
    with pytest.raises(TypeCheckError, match="reference_logprobs"):
        k3(torch.zeros(3), torch.zeros(4))
