"""Sampling by the torch engine in bfloat16: exact records of what was drawn from, and a round of the real stages."""

from pathlib import Path

import pytest
import torch
from builders import edit_params, judged, run_stage, write_params
from conformance import assert_lists_are_aligned, assert_temperatures_follow_from_entropies, token_logits

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.learn.scoring.sequences import pad, tempered_logprobs
from mtpipe.model.policy import Policy, load_policy, save_policy
from mtpipe.records import VERDICTS, Rollout, read_rollouts, write_rows
from mtpipe.sampling import torch_engine
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.opening import open_engine
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from stages import plan, prepare, rollout, start, update

pytestmark = pytest.mark.slow

RULE = ResolvedEntropyThreshold(low=0.8, high=1.4, threshold=2.0)
LENGTH = 20


@pytest.fixture
def folder(policy, policy_folder, tmp_path) -> Path:
    save_policy(policy, tmp_path / "uneven", tokenizer_from=policy_folder)
    return tmp_path / "uneven"


def sample(folder: Path, params, dtype: str) -> tuple[list[Rollout], list[Request]]:
    settings = params.sampling.model_copy(update={"torch_dtype": dtype})
    cpu = params.compute.model_copy(update={"device": "cpu", "threads": 1})
    with open_engine(folder, settings, cpu, params.ray) as engine:
        prompts = [engine.vocabulary.encode(prompt) for prompt in ("2+9*3-4>", "1+2>", "3*3*3>")]
        requests = [Request(str(prompt), index, prompt, 1.0, RULE) for prompt in prompts for index in range(8)]
        return list(engine.sample(requests, SamplingPlan(1, "round 0", LENGTH, 100))), requests


def forward_logprobs(policy: Policy, responses: list[Rollout]) -> torch.Tensor:
    sequences = pad([one.prompt_ids for one in responses], [one.response_ids for one in responses])
    temperatures = torch.tensor([value for one in responses for value in one.temperatures])
    with torch.no_grad():
        return tempered_logprobs(token_logits(policy.model, sequences), sequences.targets, temperatures)[0]


def recorded_logprobs(responses: list[Rollout]) -> torch.Tensor:
    return torch.tensor([value for one in responses for value in one.behaviour_logprobs])


def test_records_are_exactly_those_of_the_distributions_that_were_drawn_from(folder, params, monkeypatch):
    """What the model gives, before the draw, is bfloat16; the rest is as exact as in float32."""
    seen = []
    draw_tokens = torch_engine.draw_tokens

    def watched(logits, *arguments):
        drawn = draw_tokens(logits, *arguments)
        seen.append((logits.clone(), drawn))
        return drawn

    monkeypatch.setattr(torch_engine, "draw_tokens", watched)
    responses, requests = sample(folder, params, "bfloat16")
    policy = load_policy(folder)
    assert_lists_are_aligned(responses, policy.stop_ids, LENGTH)
    assert_temperatures_follow_from_entropies(policy, responses, requests)
    of_drawn = set()
    for logits, drawn in seen:
        assert logits.dtype == torch.float32
        assert logits.equal(logits.bfloat16().float()), "the model computes in bfloat16"
        exact = (logits.double() / drawn.temperatures[:, None]).log_softmax(-1).gather(1, drawn.tokens[:, None])
        torch.testing.assert_close(drawn.logprobs, exact.squeeze(1).float(), atol=2e-6, rtol=0)
        of_drawn |= set(drawn.logprobs.tolist())
    assert set(recorded_logprobs(responses).tolist()) <= of_drawn


@pytest.mark.parametrize(("dtype", "least", "most"), [("bfloat16", 1e-3, 0.2), ("float32", 0.0, 1e-5)])
def test_log_probs_are_as_far_from_the_float32_forward_pass_as_the_type_makes_them(folder, params, dtype, least, most):
    responses, _ = sample(folder, params, dtype)
    gap = (recorded_logprobs(responses) - forward_logprobs(load_policy(folder), responses)).abs().max()
    assert least <= gap <= most


def test_another_policy_is_loaded_in_the_same_type(folder, params, policy_folder):
    settings = params.sampling.model_copy(update={"torch_dtype": "bfloat16"})
    with open_engine(policy_folder, settings, params.compute, params.ray) as engine:
        prompt = engine.vocabulary.encode("1+2>")
        asked = [Request("p", index, prompt, 1.0, RULE) for index in range(8)]
        engine.load(folder)
        responses = list(engine.sample(asked, SamplingPlan(1, "round 0", LENGTH, 100)))
    in_bfloat16 = load_policy(folder, dtype=torch.bfloat16)
    gaps = [
        (recorded_logprobs(responses) - forward_logprobs(policy, responses)).abs().mean()
        for policy in (in_bfloat16, load_policy(folder))
    ]
    assert gaps[0] < gaps[1] / 2


@pytest.fixture
def project(folder, policy_folder, tmp_path, monkeypatch) -> Path:
    """A folder with problems and a warm start, as the working directory, and rollouts sampled in bfloat16."""
    monkeypatch.chdir(tmp_path)
    write_params(
        {
            "arms": ["token"],
            "report": {"baseline": "token"},
            "seeds": [1],
            "rounds": 1,
            "task": {"warm_start_problems": 20, "train_problems": 40, "benchmark_problems": 4},
            "sampling": {"group_size": 4, "prompts": 6, "max_new_tokens": 12, "torch_dtype": "bfloat16"},
            "update": {"prompts_per_step": 3, "warmup_steps": 0},
            "temperature": {
                "token": {"token": {"kind": "entropy_threshold", "low": 0.9, "high": 1.3, "threshold": {"nats": 2.0}}}
            },
        }
    )
    Path("inputs").mkdir()
    run_stage(prepare)
    save_policy(load_policy(folder), paths.WARM_START / "policy", tokenizer_from=policy_folder)
    plan.main()
    run_stage(start, "token", 1)
    run_stage(rollout, "token", 1, 0)
    sampled = read_rollouts(paths.rollouts("token", 1, 0))
    write_rows(paths.verdicts("token", 1, 0), judged(sampled), VERDICTS)
    return tmp_path


def test_a_round_sampled_in_bfloat16_is_learnt_from_in_float32(project):
    run_stage(update, "token", 1, 0)
    before, after = (load_policy(paths.policy("token", 1, round)).model for round in (0, 1))
    assert all(parameter.dtype == torch.float32 for parameter in after.parameters())
    assert any(not a.equal(b) for a, b in zip(before.parameters(), after.parameters(), strict=True))


def test_what_float32_asks_for_refuses_it_and_names_the_setting(project):
    edit_params({"update.logprob_tolerance": 1e-5})
    plan.main()
    with pytest.raises(MtpipeError, match=r"allowed: 1e-05, update\.logprob_tolerance"):
        run_stage(update, "token", 1, 0)
