import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.errors import MtpipeError
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.entropy_table import write_entropy_table
from mtpipe.temperature.round_plan import ResponsePlan, RoundPlan, RoundTemperatures
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.rules.rule import Quantile
from mtpipe.temperature.rules.uniform import ResolvedUniform

COLD, HOT = (ResolvedEntropyThreshold(low=low, high=high, threshold=0.5) for low, high in ((1.0, 1.2), (0.9, 1.4)))
UNIFORM = ResolvedUniform(temperature=0.7)


def temperatures(rules, entropies: list[float]) -> list[float]:
    return RowTemperatures(rules).at(torch.tensor(entropies), torch.arange(len(entropies))).tolist()


def test_tokens_are_hot_from_the_threshold_on_and_by_their_own_response():
    found = temperatures([COLD, COLD, HOT, HOT], [0.49, 0.5, 0.1, 2.0])
    assert found == pytest.approx([1.0, 1.2, 0.9, 1.4])


def test_a_uniform_rule_ignores_entropy():
    assert temperatures([ResolvedUniform(temperature=1.3), UNIFORM], [0.0, 9.0]) == pytest.approx([1.3, 0.7])


@pytest.mark.slow
@given(st.lists(st.floats(0, 5, width=32), min_size=2, max_size=20), st.randoms())
def test_a_tokens_temperature_depends_on_no_other_row(entropies, random):
    rules = [random.choice([COLD, HOT, UNIFORM]) for _ in entropies]
    alone = [temperatures([rule], [entropy])[0] for rule, entropy in zip(rules, entropies, strict=True)]
    assert temperatures(rules, entropies) == alone


def with_threshold(threshold) -> RoundPlan:
    rule = ResolvedEntropyThreshold(low=1.0, high=1.2, threshold=threshold)
    return RoundPlan(arm="token", round=1, group=[ResponsePlan(base=1.0, rule=rule)])


def test_a_quantile_is_looked_up_among_the_entropies_of_the_round_before(tmp_path):
    write_entropy_table(tmp_path, np.linspace(0.0, 2.0, 5001))
    found = RoundTemperatures(with_threshold(Quantile(quantile=0.8)), tmp_path)
    assert found.threshold() == found.response(0, 0.5).rule.threshold == pytest.approx(1.6)
    assert RoundTemperatures(with_threshold(0.5), tmp_path).threshold() == 0.5


def test_a_quantile_without_entropies_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(MtpipeError, match=r"entropy_quantiles\.json is missing"):
        RoundTemperatures(with_threshold(Quantile(quantile=0.8)), tmp_path).response(0, 0.5)


def test_a_quantile_that_was_not_looked_up_is_never_sampled_with():
    with pytest.raises(ValueError, match=r"entropy_threshold\.threshold: a quantile has to become nats"):
        RowTemperatures([with_threshold(Quantile(quantile=0.8)).group[0].rule])
