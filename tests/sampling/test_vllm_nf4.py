"""A base in 4 bits inside vLLM: what it samples is what the update scores, to the digits of float32."""

import pytest
import torch
from adapters import needs_bitsandbytes, trained_adapter
from conformance import (
    assert_logprobs_are_those_of_a_forward_pass,
    assert_same_rollouts,
    assert_temperatures_follow_from_entropies,
)
from vllm_process import load, needs_vllm, sample, vllm_engine

from mtpipe.model.policy import load_policy
from mtpipe.parity.parity import compare
from mtpipe.sampling import torch_engine
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.settings.model import NF4, Lora
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold

pytestmark = [needs_vllm, pytest.mark.slow]

RULE = ResolvedEntropyThreshold(low=0.9, high=1.5, threshold=2.2)
PLAN = SamplingPlan(1, "round 0", max_new_tokens=24, batch_size=1000)


@pytest.fixture(scope="module")
def adapters(folder, tmp_path_factory):
    """Two in 4 bits, and the second on the base in full."""
    needs_bitsandbytes()
    place, lora = tmp_path_factory.mktemp("adapters"), Lora(rank=12, base=NF4)
    return [
        trained_adapter(folder, place / "one", 1, lora),
        trained_adapter(folder, place / "two", 2, lora),
        trained_adapter(folder, place / "full", 2),
    ]


@pytest.fixture(scope="module")
def engine(adapters, params):
    options = params.sampling.vllm.model_copy(update={"kv_cache_gib": 0.01, "quantization": NF4})
    with vllm_engine(adapters[0], options, 16) as call:
        yield call


@pytest.fixture(scope="module")
def requests(adapters):
    encode = load_policy(adapters[0]).encode
    prompts = ["2+9*3-4>", "1+2>", *(f"{n}*{n}+{n}*{n}-{n}>" for n in range(1, 8))]
    return [Request(prompt, index, encode(prompt), 1.0, RULE) for prompt in prompts for index in range(3)]


def test_records_are_those_of_the_update_and_of_the_torch_engine(engine, adapters, requests):
    responses, policy = engine(sample, requests, PLAN), load_policy(adapters[0])
    assert_logprobs_are_those_of_a_forward_pass(policy, responses, tolerance=1e-5)
    assert_temperatures_follow_from_entropies(policy, responses, requests)
    assert_same_rollouts(responses, torch_engine.sample(policy, requests, PLAN))


def test_the_base_stays_in_4_bits_when_another_adapter_comes_and_parity_shows_one_in_full(
    engine, adapters, requests, params
):
    engine(load, adapters[1])
    responses = engine(sample, requests, PLAN)
    assert_same_rollouts(responses, torch_engine.sample(load_policy(adapters[1]), requests, PLAN))
    same, full = (compare(responses, folder, params.update, torch.device("cpu"), 1e-5) for folder in adapters[1:])
    assert not same.fault
    assert full.table[0]["mean"] > 0.01
    assert full.fault


def refusal_of_uneven_blocks(engine) -> str:
    from torch import nn

    from mtpipe.sampling.vllm.nf4 import Nf4LinearMethod

    with pytest.raises(ValueError, match="nf4 takes them in blocks of 64") as refused:
        Nf4LinearMethod().process_weights_after_loading(nn.Linear(96, 64))
    return str(refused.value)


def test_blocks_that_reach_over_a_row_are_refused(engine):
    assert "a layer reads 96 numbers" in engine(refusal_of_uneven_blocks)
