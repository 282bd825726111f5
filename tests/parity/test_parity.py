"""`python -m mtpipe parity` with the torch engine, and with a server that answers as `vllm serve` does."""

import json
import re
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from adapters import needs_bitsandbytes
from builders import write_params

from mtpipe import paths
from mtpipe.__main__ import main
from mtpipe.model.policy import load_policy
from mtpipe.params import load_params
from mtpipe.parity.parity import compare, parity_requests, policy_to_try
from mtpipe.records import PROBLEMS, write_rows
from mtpipe.sampling.drawing.requests import SamplingPlan
from mtpipe.sampling.torch_engine import sample
from mtpipe.settings.model import Lora

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_params({"sampling": {"max_new_tokens": 12}})
    row = {"task": "arithmetic", "split": "train", "answer": "1", "meta": "{}"}
    problems = [{"problem_id": str(n), "prompt": f"{n}+2*{n}-1>", **row} for n in range(1, 9)]
    write_rows(paths.TRAIN, problems, PROBLEMS)


@pytest.fixture
def served(policy_folder):
    """A server of the policy in bfloat16; with `raw` its log-probs are those before temperature, vLLM's default."""
    policy = load_policy(policy_folder)
    exact = load_policy(policy_folder)
    policy.model.bfloat16()
    state = {"raw": False, "off": 0.0, "together": None}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer({"data": [{"id": "policy"}]})

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if state["together"] is not None:
                state["together"].wait(timeout=20)
            [request] = parity_requests([{"problem_id": "p", "prompt": "1"}], policy, [asked["temperature"]])
            request = replace(request, prompt_ids=asked["prompt"], sample=sum(asked["prompt"]))
            [row] = sample(policy, [request], SamplingPlan(1, "served", asked["max_tokens"], 1))
            logprobs = row.behaviour_logprobs
            if state["raw"]:
                ids = torch.tensor([row.prompt_ids + row.response_ids])
                whole = exact.model(ids).logits[0].log_softmax(-1)
                start = len(row.prompt_ids)
                logprobs = [whole[start + n - 1, token].item() for n, token in enumerate(row.response_ids)]
            said = [value + state["off"] for value in logprobs]
            tokens = [f"token_id:{token}" for token in row.response_ids]
            self.answer({"choices": [{"logprobs": {"tokens": tokens, "token_logprobs": said}}]})

        def answer(self, content):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", state
    server.shutdown()
    server.server_close()


def parity(monkeypatch, capsys, *arguments) -> tuple[object, str]:
    monkeypatch.setattr("sys.argv", ["mtpipe", "parity", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, capsys.readouterr().out


def test_the_torch_engine_and_the_update_can_train_together(project, policy_folder, monkeypatch, capsys):
    code, said = parity(monkeypatch, capsys, "--policy", policy_folder, "--prompts", 4)
    assert not code
    assert "They can train together" in said
    assert [line.split()[2] for line in said.splitlines() if line.startswith("temperature")] == [
        "0.6",
        "0.8",
        "1",
        "1.2",
        "1.4",
    ]


def test_a_base_in_4_bits_is_tried_as_the_first_round_has_it_and_one_in_full_does_not_fit(
    project, base, monkeypatch, capsys
):
    needs_bitsandbytes()
    lora = Lora(rank=4, base="nf4")
    write_params({"sampling": {"max_new_tokens": 12}, "model.lora": lora.model_dump()})
    paths.WARM_START.mkdir(parents=True)
    base.rename(paths.WARM_START / "policy")
    code, said = parity(monkeypatch, capsys, "--prompts", 4)
    assert not code
    assert "and 1e-05 are allowed" in said

    with policy_to_try(None, lora) as in_four_bits, policy_to_try(None, Lora(rank=4)) as in_full:
        policy = load_policy(in_full)
        requests = list(parity_requests([{"problem_id": "p", "prompt": "2+9*3-4>"}], policy, [0.8, 1.0, 1.2]))
        rollouts = list(sample(policy, requests, SamplingPlan(0, "parity", 12, 8)))
        found = [
            compare(rollouts, folder, load_params().update, torch.device("cpu"), 1e-5)
            for folder in (in_full, in_four_bits)
        ]
    assert not found[0].fault
    assert found[1].table[0]["mean"] > 0.01
    assert "differ by" in found[1].fault


def test_a_server_in_bfloat16_can(project, policy_folder, served, monkeypatch, capsys):
    code, said = parity(monkeypatch, capsys, "--policy", policy_folder, "--url", served[0], "--prompts", 3)
    assert not code
    assert "and 0.02 are allowed" in said


def test_a_server_with_raw_log_probs_cannot_and_the_temperature_is_named(
    project, policy_folder, served, monkeypatch, capsys
):
    served[1]["raw"] = True
    code, said = parity(monkeypatch, capsys, "--policy", policy_folder, "--url", served[0], "--prompts", 3)
    assert code == 1
    assert "They cannot train together" in said
    assert "Temperatures of 1 explain the log-probs better" in said


def test_a_server_that_is_off_in_the_mean_cannot(project, policy_folder, served, monkeypatch, capsys):
    served[1]["off"] = -0.05
    code, said = parity(monkeypatch, capsys, "--policy", policy_folder, "--url", served[0] + "/v1/", "--prompts", 3)
    assert code == 1
    assert re.search(r"differ by 0\.0(49|5)\d* nats", said)


def test_a_server_is_asked_for_many_responses_at_a_time(project, policy_folder, served, monkeypatch, capsys):
    served[1]["together"] = threading.Barrier(20)  # none is answered before all have been asked for
    code, _ = parity(monkeypatch, capsys, "--policy", policy_folder, "--url", served[0], "--prompts", 4)
    assert not code


def test_a_server_that_is_not_there_is_an_error_with_its_address(project, policy_folder, monkeypatch, capsys):
    code, _ = parity(monkeypatch, capsys, "--policy", policy_folder, "--url", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9/v1/models does not answer" in str(code)
