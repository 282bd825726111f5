import math
from dataclasses import replace

import pytest
import torch
from conformance import (
    assert_lists_are_aligned,
    assert_logprobs_are_those_of_a_forward_pass,
    assert_replay_gives_the_recorded_logprobs,
    assert_temperatures_follow_from_entropies,
    token_logits,
)
from rule_examples import EXAMPLES

from mtpipe.errors import MtpipeError
from mtpipe.learn.scoring.sequences import pad
from mtpipe.sampling.drawing.requests import Request, SamplingPlan, refuse_batch_dependent
from mtpipe.sampling.torch_engine import sample
from mtpipe.temperature.masks import Masks
from mtpipe.temperature.rules import RULES
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.rules.random_share import ResolvedRandomShare
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import Truncation

NATS = 2.2
TOKEN_RULES = [
    ResolvedEntropyThreshold(low=low, high=high, threshold=NATS) for low, high in ((0.9, 1.3), (1.0, 1.5), (1.1, 2.0))
]
UNIFORM = ResolvedUniform(temperature=1.0)
PROMPTS = ["2+9*3-4>", "1+2>", "3*3*3*3*3>", "7-5+1>", "9>"]


@pytest.fixture
def requests(policy):
    return [
        Request(prompt, index, policy.encode(prompt), 1.0, TOKEN_RULES[index])
        for prompt in PROMPTS
        for index in range(3)
    ]


def plan(batch_size=1000, seed=1) -> SamplingPlan:
    return SamplingPlan(seed, "round 0", max_new_tokens=40, batch_size=batch_size)


def by_identity(responses):
    return {(response.problem_id, response.sample): response for response in responses}


def test_records_agree_with_a_forward_pass_at_the_recorded_temperatures(policy, requests):
    responses = list(sample(policy, requests, plan()))
    assert len(responses) == len(requests)
    assert_logprobs_are_those_of_a_forward_pass(policy, responses, tolerance=1e-5)
    assert_temperatures_follow_from_entropies(policy, responses, requests)
    assert_lists_are_aligned(responses, policy.stop_ids, 40)
    assert len({temperature for response in responses for temperature in response.temperatures}) == 6
    assert len({len(response.response_ids) for response in responses}) > 3, "rows should end at different steps"


@pytest.mark.slow
def test_the_same_rollouts_come_out_of_every_batch_size(policy, requests):
    one, seven, together = (
        by_identity(sample(policy, requests, plan(batch_size=size))) for size in (1, 7, len(requests))
    )
    for identity, response in one.items():
        for other in (seven[identity], together[identity]):
            assert other.response_ids == response.response_ids
            assert other.finish_reason == response.finish_reason
            assert other.temperatures == response.temperatures
            torch.testing.assert_close(other.behaviour_logprobs, response.behaviour_logprobs, atol=1e-5, rtol=0)


def test_the_order_of_requests_changes_nothing(policy, requests):
    forwards, backwards = (by_identity(sample(policy, order, plan())) for order in (requests, requests[::-1]))
    assert {key: value.response_ids for key, value in forwards.items()} == {
        key: value.response_ids for key, value in backwards.items()
    }


def test_another_seed_gives_other_responses(policy, requests):
    one, other = (by_identity(sample(policy, requests, plan(seed=seed))) for seed in (1, 2))
    assert any(one[key].response_ids != other[key].response_ids for key in one)


def test_tokens_are_drawn_from_the_tempered_distribution(policy):
    """The first token of many samples against its exact distribution, by a chi-square statistic."""
    prompt = policy.encode("2+9>")
    count, temperature = 4000, 1.7
    hot = ResolvedUniform(temperature=temperature)
    requests = [Request("2+9", index, prompt, temperature, hot) for index in range(count)]
    first = SamplingPlan(0, "round 0", max_new_tokens=1, batch_size=count)
    drawn = torch.tensor([response.response_ids[0] for response in sample(policy, requests, first)])
    with torch.no_grad():
        logits = policy.model(torch.tensor([prompt])).logits[0, -1]
    expected = count * (logits / temperature).softmax(-1)
    observed = torch.bincount(drawn, minlength=len(expected)).float()
    common = expected >= 5
    statistic = ((observed - expected)[common] ** 2 / expected[common]).sum()
    assert statistic < 3 * int(common.sum()), "far beyond any plausible draw (the mean is the number of tokens)"


def test_the_nucleus_is_the_fewest_likeliest_tokens_that_reach_top_p(policy):
    prompt = policy.encode("2+9>")
    requests = [Request("2+9", index, prompt, 1.0, UNIFORM) for index in range(500)]
    plan = SamplingPlan(0, "evaluation", max_new_tokens=1, batch_size=500, truncation=Truncation(top_p=0.6))
    responses = list(sample(policy, requests, plan))
    with torch.no_grad():
        probabilities = policy.model(torch.tensor([prompt])).logits[0, -1].softmax(-1)
    likeliest = probabilities.sort(descending=True).indices.tolist()
    sums = probabilities[likeliest].cumsum(-1)
    size = int((sums < 0.6).sum()) + 1
    assert 1 < size < len(likeliest)
    assert {response.response_ids[0] for response in responses} == set(likeliest[:size])
    for response in responses:
        share = float(probabilities[response.response_ids[0]] / sums[size - 1])
        assert response.behaviour_logprobs[0] == pytest.approx(math.log(share), abs=1e-5)


def kept_tokens(response, position: int, vocabulary: int) -> set[int]:
    masks = Masks.of(response.mask_sizes, response.mask_ids).part(slice(position, position + 1))
    return set((~masks.dropped(torch.zeros(1, vocabulary))[0]).nonzero().squeeze(1).tolist())


def forward_logits(policy, response) -> torch.Tensor:
    with torch.no_grad():
        return token_logits(policy.model, pad([response.prompt_ids], [response.response_ids]))


@pytest.mark.parametrize(
    ("truncation", "keeps"),
    [
        ({"min_p": 0.1}, lambda logits, p: p >= 0.1 * p.max()),
        ({"top_n_sigma": 1.0}, lambda logits, p: logits >= logits.max() - logits.std()),
        ({"top_p": 0.7, "min_p": 0.1}, lambda logits, p: (p >= 0.1 * p.max()) & (larger(p) < 0.7)),
    ],
)
def test_truncation_cuts_the_tempered_distribution_and_records_what_is_left(policy, requests, truncation, keeps):
    cut = replace(plan(), truncation=Truncation(**truncation), record_masks=True)
    cuts = 0
    for response in sample(policy, requests, cut):
        assert len(response.mask_sizes) == len(response.response_ids)
        for position, logits in enumerate(forward_logits(policy, response)):
            tempered = logits / response.temperatures[position]
            kept = kept_tokens(response, position, len(logits))
            assert kept == set(keeps(tempered, tempered.softmax(-1)).nonzero().squeeze(1).tolist())
            token = response.response_ids[position]
            assert token in kept
            left = tempered[sorted(kept)].log_softmax(-1)[sorted(kept).index(token)]
            assert response.behaviour_logprobs[position] == pytest.approx(left.item(), abs=1e-5)
            cuts += len(kept) < len(logits)
    assert cuts > 50


def test_a_sampled_round_is_replayed_with_its_masks(policy, requests):
    cut = replace(plan(), truncation=Truncation(top_p=0.8), record_masks=True)
    assert_replay_gives_the_recorded_logprobs(policy, list(sample(policy, requests, cut)), tolerance=1e-5)


def larger(probabilities: torch.Tensor) -> torch.Tensor:
    """For each token the probability of all that are likelier."""
    ordered, order = probabilities.sort(descending=True)
    return torch.empty_like(ordered).scatter_(0, order, ordered.cumsum(0) - ordered)


@pytest.mark.slow
def test_nothing_is_recorded_where_nothing_is_cut(policy, requests):
    for asked in (plan(), replace(plan(), truncation=Truncation(top_p=0.5)), replace(plan(), record_masks=True)):
        assert all(not one.mask_sizes and not one.mask_ids for one in sample(policy, requests, asked))


@pytest.mark.slow
def test_rules_of_every_kind_stand_side_by_side(policy, requests):
    rules = [
        RULES[kind].model_validate({"kind": kind, **settings}).resolve(1.1, 0)
        for kind, settings in EXAMPLES.items()
        if not RULES[kind].resolved.batch_dependent
    ]
    mixed = [replace(request, rule=rules[index % len(rules)]) for index, request in enumerate(requests)]
    responses = list(sample(policy, mixed, plan()))
    assert_temperatures_follow_from_entropies(policy, responses, mixed, plan())
    assert_logprobs_are_those_of_a_forward_pass(policy, responses, tolerance=2e-5)
    one_by_one = by_identity(sample(policy, mixed, plan(batch_size=1)))
    assert all(one_by_one[key].response_ids == one.response_ids for key, one in by_identity(responses).items())


@pytest.mark.slow
def test_a_random_share_of_tokens_is_hot_whatever_their_entropy_and_in_any_batch(policy):
    """Each half of the tokens, the surer and the less sure, has the share within four standard errors."""
    rule, share = ResolvedRandomShare(low=0.9, high=1.1, share=0.2), 0.2
    asked = [Request(prompt, index, policy.encode(prompt), 0.9, rule) for prompt in PROMPTS for index in range(40)]
    responses = list(sample(policy, asked, plan()))
    assert_temperatures_follow_from_entropies(policy, responses, asked, plan())
    assert_logprobs_are_those_of_a_forward_pass(policy, responses, tolerance=1e-5)
    hot = torch.tensor([temperature > 1 for one in responses for temperature in one.temperatures]).double()
    entropies = torch.tensor([entropy for one in responses for entropy in one.entropies])
    assert len(hot) > 2000
    sure = entropies < entropies.median()
    for half in (hot[sure], hot[~sure]):
        assert abs(half.mean() - share) < 4 * (share * (1 - share) / len(half)) ** 0.5
    alone, backwards = (
        by_identity(sample(policy, order, plan(batch_size=size))) for order, size in ((asked, 1), (asked[::-1], 7))
    )
    for identity, one in by_identity(responses).items():
        assert one.temperatures == alone[identity].temperatures == backwards[identity].temperatures


def test_which_token_is_drawn_says_nothing_about_whether_it_is_hot(policy):
    """The first tokens of many samples at two temperatures that are nearly one: the table of token by heat."""
    prompt, share = policy.encode("2+9>"), 0.5
    rule = ResolvedRandomShare(low=1.0, high=1.0 + 1e-6, share=share)
    asked = [Request("2+9", index, prompt, 1.0, rule) for index in range(4000)]
    first = SamplingPlan(0, "round 0", max_new_tokens=1, batch_size=4000)
    drawn = [(one.response_ids[0], one.temperatures[0] > 1) for one in sample(policy, asked, first)]
    tokens, hot = (torch.tensor(column) for column in zip(*drawn, strict=True))
    counts = torch.bincount(tokens)
    of_hot = torch.bincount(tokens[hot], minlength=len(counts))
    common = counts >= 20
    statistic = ((of_hot - share * counts)[common] ** 2 / (share * (1 - share) * counts[common])).sum()
    assert statistic < 3 * int(common.sum()), "far beyond any plausible draw (the mean is the number of tokens)"


@pytest.mark.parametrize("others", [[], ["2+9*3-4>"]])
def test_a_prompt_without_tokens_is_refused_by_its_problem_alone_and_beside_others(policy, others):
    with pytest.raises(MtpipeError, match="problem 'empty' has a prompt without tokens"):
        prompts = {prompt: prompt for prompt in others} | {"empty": ""}
        asked = [Request(name, 0, policy.encode(prompt), 1.0, UNIFORM) for name, prompt in prompts.items()]
        list(sample(policy, asked, plan()))


def test_a_line_end_that_no_token_has_is_refused(policy, requests):
    rule = RULES["adapt"].model_validate({"kind": "adapt"}).resolve(0.6, 0)
    with pytest.raises(MtpipeError, match=r"no token of the vocabulary ends with the line end '\\n'"):
        list(sample(policy, [replace(requests[0], rule=rule)], plan()))


def test_the_sliding_window_runs_on_one_engine_only(policy, requests):
    rule = RULES["entropy_window"].model_validate({"kind": "entropy_window", "low": 0.9, "high": 1.3}).resolve(0.9, 0)
    windowed = [replace(request, rule=rule) for request in requests]
    responses = list(sample(policy, windowed, plan()))
    assert_logprobs_are_those_of_a_forward_pass(policy, responses, tolerance=1e-5)
    found = [temperature for response in responses for temperature in response.temperatures]
    assert 0.3 < sum(temperature > 1 for temperature in found) / len(found) < 0.5, "about the share that is to be hot"
    with pytest.raises(MtpipeError, match="entropy_window depends on all that is sampled at the same time, which vLLM"):
        refuse_batch_dependent(windowed, "vLLM")
