"""What a request may say of its temperatures, and what vLLM's user reads where it is wrong; needs no vLLM."""

import json
import logging
from types import SimpleNamespace

import pytest

from mtpipe.sampling.vllm.request import read_rule, validate

BY_ENTROPY = {"kind": "entropy_threshold", "low": 1.0, "high": 1.2, "threshold": 0.5}
DRAW = {"seed": 1, "purpose": "round 0", "problem_id": "p", "sample": 0, "record": "r"}


def sampling(extra_args, **named):
    return SimpleNamespace(
        **{"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "n": 1, "extra_args": extra_args, **named}
    )


def test_ordinary_requests_are_left_alone():
    for extra_args in (None, {}, {"something": "else"}):
        validate(sampling(extra_args, temperature=0.3, min_p=0.1, n=4))


def test_a_mapping_and_its_json_text_mean_the_same():
    as_text = read_rule({"token_temperature": json.dumps(BY_ENTROPY)})
    assert as_text == read_rule({"token_temperature": BY_ENTROPY})
    assert as_text.numbers == {"low": 1.0, "high": 1.2, "threshold": 0.5}


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"kind": "uniform", "temperature": -0.5}, "temperature: Input should be greater than 0; found -0.5"),
        ({**BY_ENTROPY, "low": 0}, "low: Input should be greater than 0; found 0"),
        (
            {**BY_ENTROPY, "threshold": -1},
            "threshold.constrained-float: Input should be greater than or equal to 0; found -1",
        ),
        ({**BY_ENTROPY, "high": float("nan")}, "high: Input should be a finite number"),
        ({"kind": "hot"}, "no token rule has the kind 'hot'; expected a mapping with one of uniform"),
        ({"low": 1.0}, "no token rule has the kind None"),
        ({**BY_ENTROPY, "threshold": {"quantile": 0.8}}, "threshold: a quantile has to become nats"),
        ({**BY_ENTROPY, "hgih": 2}, "unknown key 'hgih'; did you mean 'high'?"),
        ('{"kind": ', "token_temperature is no JSON"),
        (1.2, "token_temperature has to be a mapping with a kind"),
    ],
)
def test_a_faulty_setting_is_named_with_its_key_and_value(setting, expected):
    with pytest.raises(ValueError, match="token_temperature") as error:
        validate(sampling({"token_temperature": setting}))
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("named", "expected"),
    [({"temperature": 0.7}, "found temperature=0.7 beside it: set temperature to 1.0"), ({"min_p": 0.1}, "min_p")],
)
def test_settings_of_vllm_that_would_change_what_the_rule_sees_are_refused(named, expected):
    with pytest.raises(ValueError, match="token_temperature") as error:
        validate(sampling({"token_temperature": BY_ENTROPY}, **named))
    assert expected in str(error.value)


@pytest.mark.parametrize("named", [{"temperature": 1.0}, {"top_p": 0.9}, {"top_k": 5}, {"n": 2}])
def test_a_draw_by_the_processor_refuses_noise_and_truncation_by_vllm(named):
    drawn = {"token_temperature": BY_ENTROPY, "token_draw": DRAW}
    validate(sampling(drawn, temperature=0.0))
    with pytest.raises(ValueError, match="token_draw needs temperature=0, top_p=1, top_k=0 and n=1"):
        validate(sampling(drawn, **{"temperature": 0.0, **named}))


def test_a_random_rule_is_refused_where_vllm_draws_and_named_with_a_remedy():
    rule = {"kind": "random_share", "low": 1.0, "high": 1.2, "share": 0.2}
    validate(sampling({"token_temperature": rule, "token_draw": DRAW}, temperature=0.0))
    with pytest.raises(ValueError, match=r"rule random_share takes its random numbers .* use entropy_threshold"):
        validate(sampling({"token_temperature": rule}))


def test_a_high_below_low_is_allowed_and_warned_of(caplog):
    with caplog.at_level(logging.WARNING):
        validate(sampling({"token_temperature": {**BY_ENTROPY, "high": 0.8}}))
    assert "high (0.8) is below low (1)" in caplog.text
