import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.errors import MtpipeError
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.entropy_table import round_threshold, write_entropy_table
from mtpipe.temperature.token_rule import ResolvedEntropyThreshold, ResolvedUniform, Threshold

RULE = ResolvedEntropyThreshold(low=[1.0, 0.9], high=[1.2, 1.4], threshold=Threshold(nats=0.5))


def test_tokens_are_hot_from_the_threshold_on_and_by_their_own_response():
    rows = RowTemperatures.of(RULE, 0.5, samples=[0, 0, 1, 1])
    assert rows.at(torch.tensor([0.49, 0.5, 0.1, 2.0])).tolist() == pytest.approx([1.0, 1.2, 0.9, 1.4])


def test_a_uniform_rule_ignores_entropy():
    rows = RowTemperatures.of(ResolvedUniform(temperature=[0.7, 1.3]), None, samples=[1, 0])
    assert rows.at(torch.tensor([0.0, 9.0])).tolist() == pytest.approx([1.3, 0.7])


@given(st.lists(st.floats(0, 5, width=32), min_size=2, max_size=20), st.randoms())
def test_a_tokens_temperature_depends_on_no_other_row(entropies, random):
    samples = [random.randrange(2) for _ in entropies]
    together = RowTemperatures.of(RULE, 0.5, samples).at(torch.tensor(entropies))
    alone = [
        RowTemperatures.of(RULE, 0.5, [sample]).at(torch.tensor([entropy])).item()
        for sample, entropy in zip(samples, entropies, strict=True)
    ]
    assert together.tolist() == alone


def test_a_quantile_is_looked_up_among_the_entropies_of_the_round_before(tmp_path):
    write_entropy_table(tmp_path, np.linspace(0.0, 2.0, 5001))
    rule = RULE.model_copy(update={"threshold": Threshold(quantile=0.8)})
    assert round_threshold(rule, tmp_path) == pytest.approx(1.6)
    assert round_threshold(RULE, tmp_path) == 0.5


def test_a_quantile_without_entropies_is_an_error_that_names_the_file(tmp_path):
    rule = RULE.model_copy(update={"threshold": Threshold(quantile=0.8)})
    with pytest.raises(MtpipeError, match=r"entropy_quantiles\.json is missing"):
        round_threshold(rule, tmp_path)
