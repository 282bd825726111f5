"""The torch engine on models that tell more apart than a rotary one with a single stop token."""

from dataclasses import replace

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.torch_engine import sample
from mtpipe.temperature.rules.entropy_window import ResolvedEntropyWindow
from mtpipe.temperature.rules.uniform import ResolvedUniform

RULE = ResolvedUniform(temperature=1.3)


def test_a_model_with_learned_positions_is_sampled_from_as_it_reads_each_prompt_alone(policy):
    """Rotary embeddings hide a constant shift of positions; learned ones do not."""
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=18, n_embd=32, n_layer=2, n_head=2, n_positions=64)).eval()
    with torch.no_grad():
        model.transformer.wpe.weight.mul_(30)
    learned = replace(policy, model=model)
    requests = [Request(str(n), 0, list(range(2, 2 + n)), 1.3, RULE) for n in (1, 4, 13)]
    for one in sample(learned, requests, SamplingPlan(0, "round 0", 12, 10)):
        with torch.no_grad():
            logits = model(torch.tensor([one.prompt_ids + one.response_ids])).logits[0, len(one.prompt_ids) - 1 : -1]
        logprobs = (logits / 1.3).log_softmax(-1).gather(1, torch.tensor(one.response_ids)[:, None])[:, 0]
        torch.testing.assert_close(logprobs, torch.tensor(one.behaviour_logprobs), atol=1e-5, rtol=0)


def test_a_response_ends_at_any_of_several_stop_tokens(policy):
    (stop,) = policy.stop_ids
    two = replace(policy, stop_ids=(stop, 5))
    requests = [Request(prompt, n, policy.encode(prompt), 1.3, RULE) for prompt in ("1+2>", "9*3>") for n in range(8)]
    rollouts = list(sample(two, requests, SamplingPlan(0, "round 0", 30, 100)))
    last = [one.response_ids[-1] for one in rollouts if one.finish_reason == "stop"]
    assert set(last) == {stop, 5}
    assert not any({stop, 5} & set(one.response_ids[:-1]) for one in rollouts)
    assert all(len(one.response_ids) == 30 for one in rollouts if one.finish_reason == "length")


@pytest.mark.parametrize("limit", [2, 3])
def test_every_response_has_its_own_identity_its_own_limit_and_its_requests_base_temperature(policy, limit):
    requests = [Request("p", n, policy.encode("1+2>"), 0.5 + n, RULE) for n in range(6)]
    rollouts = {one.sample: one for one in sample(policy, requests, SamplingPlan(0, "round 0", limit, 4))}
    assert sorted(rollouts) == list(range(6))
    for one in rollouts.values():
        assert one.base_temperature == 0.5 + one.sample
        assert one.finish_reason == ("stop" if one.response_ids[-1] in policy.stop_ids else "length")
        assert one.finish_reason == "stop" or len(one.response_ids) == limit


def test_tokens_change_with_the_seed_the_purpose_the_problem_and_the_responses_number(policy):
    def tokens(seed=0, purpose="round 0", problem="p", number=0) -> tuple[int, ...]:
        request = Request(problem, number, policy.encode("2+9*3-4>"), 1.3, RULE)
        [one] = sample(policy, [request], SamplingPlan(seed, purpose, 20, 4))
        return tuple(one.response_ids)

    changes = [{}, {"seed": 1}, {"purpose": "round 1"}, {"problem": "q"}, {"number": 1}]
    assert len({tokens(**change) for change in changes}) == len(changes)


def test_a_sliding_window_holds_entropies_of_unfinished_responses_alone(policy):
    rule = ResolvedEntropyWindow(low=0.9, high=1.4, share=0.5, window=1000)
    requests = [Request("1+2>", n, policy.encode("1+2>"), 1.0, rule) for n in range(12)]
    rollouts = list(sample(policy, requests, SamplingPlan(0, "round 0", 25, 100)))
    assert len({len(one.response_ids) for one in rollouts}) > 3
    window: list[float] = []
    for step in range(max(len(one.response_ids) for one in rollouts)):
        going = [one for one in rollouts if len(one.response_ids) > step]
        window += [one.entropies[step] for one in going]
        threshold = torch.tensor(window).quantile(0.5)
        for one in going:
            if abs(one.entropies[step] - threshold) > 1e-5:
                assert one.temperatures[step] == pytest.approx(1.4 if one.entropies[step] >= threshold else 0.9)
