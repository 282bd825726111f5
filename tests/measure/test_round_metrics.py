import pytest
from builders import rollout

from mtpipe.measure.round_metrics import entropy_histogram, round_metrics, temperature_profile


def test_a_profile_has_each_tokens_temperature_at_its_entropy_and_at_its_position():
    rows = [
        rollout([1] * 2, temperatures=[1.0, 1.2], entropies=[0.01, 2.0]),
        rollout([1] * 3, temperatures=[1.1, 1.4, 0.8], entropies=[0.02, 9.0, 0.01]),
    ]
    found = temperature_profile(rows)
    by_entropy = {name: found["entropy"][name] for name in ("mean", "low", "high")}
    assert [values[0] for values in by_entropy.values()] == pytest.approx([2.9 / 3, 0.8, 1.1])
    assert by_entropy["mean"][-1] == 1.4, "the last bin holds all beyond"
    assert by_entropy["mean"][30] is None
    assert found["position"]["edges"] == [0, 1, 2, 3]
    assert [round(value, 6) for value in found["position"]["low"]] == [1.0, 1.2, 0.8]
    assert [round(value, 6) for value in found["position"]["high"]] == [1.1, 1.4, 0.8]


def test_a_round_counts_what_was_cut_off_and_a_token_at_the_threshold_is_hot():
    reasons = ["length", "stop", "stop", "stop"]
    rollouts = [rollout([1, 2], entropies=[0.5, 9.0], finish_reason=reason) for reason in reasons]
    assert round_metrics(rollouts, [{"reward": 1.0, "verdict": "correct"}] * 4, [])["overlong"] == 0.25
    assert entropy_histogram(rollouts, 0.5)["hot_share"] == 1.0
    assert entropy_histogram(rollouts, 2.0)["hot_share"] == 0.5
    assert entropy_histogram(rollouts, 2.0)["counts"][-1] == 4, "what lies above counts in the last bin"


def test_a_rounds_means_are_those_of_the_steps_that_were_taken():
    skipped = {"reward": 0.0, "response_tokens": 1.0, "groups_dropped": 4}
    taken = [{**skipped, "groups_dropped": 1, "loss": loss, "ratio": 1.0} for loss in (0.2, 0.4)]
    found = round_metrics([rollout([1])], [{"reward": 1.0, "verdict": "correct"}], [skipped, *taken])
    assert (found["steps_taken"], found["groups_dropped"]) == (2, 6)
    assert found["loss"] == pytest.approx(0.3)
    assert "loss" not in round_metrics([rollout([1])], [{"reward": 1.0, "verdict": "correct"}], [skipped])
