import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.learn.losses.importance import behaviour_kl, effective_share, importance_weights

ROW = torch.tensor([0, 0, 1, 1, 1])
LOG_WEIGHT = torch.tensor([0.1, -0.4, 0.5, 0.5, 0.5])


def test_token_weights_are_cut_at_the_cap():
    found = importance_weights(LOG_WEIGHT, ROW, "token_truncate", cap=1.2)
    torch.testing.assert_close(found, LOG_WEIGHT.exp().clamp(max=1.2))


def test_a_response_above_the_cap_is_left_out_and_one_below_has_one_weight():
    found = importance_weights(LOG_WEIGHT, ROW, "sequence_mask", cap=3.0)
    torch.testing.assert_close(found, torch.cat([torch.tensor([-0.3, -0.3]).exp(), torch.zeros(3)]))


def test_without_a_correction_every_weight_is_one():
    assert importance_weights(LOG_WEIGHT, ROW, "none", cap=1.2).tolist() == [1.0] * 5


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30))
def test_the_effective_share_lies_between_one_token_and_all(weights):
    share = effective_share(sum(weights), sum(weight**2 for weight in weights), len(weights))
    assert 1 / len(weights) <= share * (1 + 1e-9)
    assert share <= 1 + 1e-9


def test_the_behaviour_kl_is_unbiased_for_tokens_sampled_at_their_temperature():
    logits = torch.tensor([1.0, 0.0, -1.0, 0.5])
    behaviour, policy = (logits / 1.4).softmax(0), logits.softmax(0)
    exact = (behaviour * (behaviour / policy).log()).sum().item()
    expected = (behaviour * behaviour_kl(policy.log(), behaviour.log())).sum().item()
    assert expected == pytest.approx(exact, rel=1e-5)
