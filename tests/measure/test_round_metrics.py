import pytest
from builders import rollout

from mtpipe.measure.round_metrics import temperature_profile


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
