import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtpipe.learn.batching.advantages import group_advantages

rewards = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=4, max_size=4)
SCALES = ["std", "mean", "leave_one_out", "batch_std"]


def advantages(values, scale, temperatures=None) -> torch.Tensor:
    compared = None if temperatures is None else [temperatures]
    return group_advantages(torch.tensor([values], dtype=torch.float64), scale, compared)[0][0]


@settings(deadline=None)
@given(rewards, st.sampled_from(SCALES))
def test_one_temperature_for_all_is_the_whole_group(values, scale):
    torch.testing.assert_close(advantages(values, scale, [0.7] * 4), advantages(values, scale))


@settings(deadline=None)
@given(rewards, st.sampled_from(SCALES))
def test_a_temperature_for_each_response_falls_back_to_the_whole_group(values, scale):
    torch.testing.assert_close(advantages(values, scale, [0.7, 0.8, 0.9, 1.0]), advantages(values, scale))


@settings(deadline=None)
@given(rewards, st.floats(-1, 1))
def test_a_temperature_that_does_better_earns_its_responses_nothing(values, bonus):
    better = [values[0] + bonus, values[1] + bonus, *values[2:]]
    torch.testing.assert_close(
        advantages(better, "mean", [0.7, 0.7, 1.3, 1.3]), advantages(values, "mean", [0.7, 0.7, 1.3, 1.3])
    )


def test_leave_one_out_subtracts_the_mean_of_the_others():
    assert advantages([1.0, 0.0, 0.0, 0.5], "leave_one_out").tolist() == pytest.approx([5 / 6, -0.5, -0.5, 1 / 6])


def test_a_response_alone_at_its_temperature_is_compared_with_the_group():
    found = advantages([1.0, 0.0, 0.0, 1.0], "mean", [0.7, 0.7, 0.7, 1.3])
    assert found.tolist() == pytest.approx([2 / 3, -1 / 3, -1 / 3, 0.5])


def test_the_pooled_deviation_divides_by_the_responses_less_the_baselines():
    found = advantages([1.0, 0.0, 0.5, 0.5], "std", [0.7, 0.7, 1.3, 1.3])
    assert found.tolist() == pytest.approx([1.0, -1.0, 0.0, 0.0], abs=1e-3), "pooled: sqrt(0.5 / 2) = 0.5"


def test_batch_std_divides_by_the_deviation_of_all_groups():
    values = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    found, varied = group_advantages(values, "batch_std")
    assert varied.tolist() == [True, False]
    assert found[0, 0].item() == pytest.approx(0.5 / torch.tensor([0.5, -0.5, 0, 0]).std().item(), abs=1e-3)


def test_each_group_has_temperatures_of_its_own():
    values = torch.tensor([[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    compared = [[0.7, 0.7, 1.3, 1.3], [0.7, 1.3, 0.7, 1.3]]
    found, _ = group_advantages(values, "mean", compared)
    assert found.tolist() == [[0.5, -0.5, -0.5, 0.5], [0.5, 0.0, -0.5, 0.0]]


@settings(deadline=None)
@given(st.floats(-2, 2), st.sampled_from(SCALES), st.sampled_from([torch.float32, torch.float64]))
def test_rewards_that_differ_by_rounding_alone_have_nothing_to_teach(reward, scale, precision):
    """The same sum of a reward's parts in several orders: 0.1 + 0.2 + r, r + 0.2 + 0.1, …"""
    parts = torch.tensor([0.1, 0.2, reward], dtype=precision)
    orders = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]]
    sums = torch.stack([parts[a] + parts[b] + parts[c] for a, b, c in orders])
    found, varied = group_advantages(sums[None] + 3, scale)
    assert not varied.any()
    assert found.abs().max() == 0


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_rewards_of_any_size_differ_where_a_thousandth_of_them_does(scale, size):
    found, varied = group_advantages(size * torch.tensor([[1.0, 1.0, 1.0, 1.001]], dtype=torch.float64), scale)
    assert varied.all()
    assert found[0, 3] > 0 > found[0, 0]


def test_small_differences_of_reward_are_damped_by_trls_epsilon():
    found, _ = group_advantages(torch.tensor([[1e-3, 0.0, 0.0, 0.0]], dtype=torch.float64))
    assert found[0, 0].item() == pytest.approx(7.5e-4 / (5e-4 + 1e-4))
