import pytest

from mtpipe.learn.batching.groups import Group
from mtpipe.measure.round_metrics import temperature_profile
from mtpipe.measure.temperature_shares import LISTED, temperature_shares


def test_a_profile_has_each_tokens_temperature_at_its_entropy_and_at_its_position():
    rows = [
        {"temperatures": [1.0, 1.2], "entropies": [0.01, 2.0]},
        {"temperatures": [1.1, 1.4, 0.8], "entropies": [0.02, 9.0, 0.01]},
    ]
    found = temperature_profile(rows)
    by_entropy = {name: found["entropy"][name] for name in ("mean", "low", "high")}
    assert [values[0] for values in by_entropy.values()] == pytest.approx([2.9 / 3, 0.8, 1.1])
    assert by_entropy["mean"][-1] == 1.4, "the last bin holds all beyond"
    assert by_entropy["mean"][30] is None
    assert found["position"]["edges"] == [0, 1, 2, 3]
    assert [round(value, 6) for value in found["position"]["low"]] == [1.0, 1.2, 0.8]
    assert [round(value, 6) for value in found["position"]["high"]] == [1.1, 1.4, 0.8]


def test_drawn_temperatures_are_taken_together_by_tenths():
    bases = [0.96 + index / 200 for index in range(2 * LISTED)]
    rewards = [float(index % 2) for index in range(len(bases))]
    shares = temperature_shares([Group("p", [{"base_temperature": base} for base in bases], rewards)])
    assert [share["temperature"] for share in shares] == [1.0, 1.1]
    assert sum(share["responses"] for share in shares) == len(bases)
    assert abs(sum(share["positive_advantage_share"] for share in shares) - 1) < 1e-9
