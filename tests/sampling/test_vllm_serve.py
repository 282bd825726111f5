"""`vllm serve` with mtpipe installed beside it, over HTTP on loopback: what docs/vllm.md shows with curl."""

import json
import urllib.error

import pytest
import torch
from conformance import token_logits
from vllm_process import needs_vllm
from vllm_server import complete, vllm_server

from mtpipe.learn.scoring.sequences import pad, tempered_logprobs
from mtpipe.model.policy import load_policy
from mtpipe.parity.parity import parity_requests
from mtpipe.parity.served import sample_served

pytestmark = [needs_vllm, pytest.mark.slow]


@pytest.fixture(scope="module")
def address(folder, tmp_path_factory):
    arguments = ["--model", str(folder), "--served-model-name", "policy"]
    with vllm_server(arguments, tmp_path_factory.mktemp("log") / "server.log") as address:
        yield address


def test_a_request_gets_its_own_temperatures_by_token(address, folder):
    policy = load_policy(folder)
    prompt = policy.encode("2+9*3-4>")
    setting = {"kind": "entropy_threshold", "low": 0.8, "high": 1.6, "threshold": 2.0}
    choice = complete(
        address,
        prompt=prompt,
        logprobs=0,
        return_tokens_as_token_ids=True,
        ignore_eos=True,
        vllm_xargs={"token_temperature": json.dumps(setting)},
    )
    tokens = [int(token.removeprefix("token_id:")) for token in choice["logprobs"]["tokens"]]
    sequences = pad([prompt], [tokens])
    with torch.no_grad():
        logits = token_logits(policy.model, sequences)
    entropies = torch.special.entr(logits.softmax(-1)).sum(-1)
    temperatures = torch.where(entropies >= 2.0, 1.6, 0.8)
    assert len(set(temperatures.tolist())) == 2
    expected, _ = tempered_logprobs(logits, sequences.targets, temperatures)
    torch.testing.assert_close(torch.tensor(choice["logprobs"]["token_logprobs"]), expected, atol=1e-5, rtol=0)


def test_parity_reads_the_servers_log_probs_and_they_are_those_of_the_policy(address, folder):
    policy = load_policy(folder)
    problems = [{"problem_id": str(n), "prompt": f"{n}+2*{n}-1>"} for n in range(1, 5)]
    requests = list(parity_requests(problems, policy, [0.6, 1.4]))
    rollouts = list(sample_served(address.removesuffix("/completions"), requests, 12))
    assert [(one.problem_id, one.base_temperature) for one in rollouts] == [
        (one.problem_id, one.base) for one in requests
    ]
    sequences = pad([one.prompt_ids for one in rollouts], [one.response_ids for one in rollouts])
    with torch.no_grad():
        logits = token_logits(policy.model, sequences)
    temperatures = torch.cat([torch.tensor(one.temperatures) for one in rollouts])
    expected, _ = tempered_logprobs(logits, sequences.targets, temperatures)
    recorded = torch.cat([torch.tensor(one.behaviour_logprobs) for one in rollouts])
    torch.testing.assert_close(recorded, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"vllm_xargs": {"token_temperature": '{"kind": "uniform", "temperature": -1}'}}, "greater than 0; found -1"),
        ({"vllm_xargs": {"token_temperature": '{"kind": "hot"}'}}, "no token rule has the kind"),
        (
            {"vllm_xargs": {"token_temperature": '{"kind": "uniform", "temperature": 1.2}'}, "temperature": 0.6},
            "set temperature to 1.0",
        ),
    ],
)
def test_a_faulty_setting_is_a_bad_request_and_the_server_goes_on(address, request_, expected):
    with pytest.raises(urllib.error.HTTPError) as refused:
        complete(address, prompt="1+2>", **request_)
    assert refused.value.code == 400
    assert expected in refused.value.read().decode()
    assert complete(address, prompt="1+2>")["text"] is not None
