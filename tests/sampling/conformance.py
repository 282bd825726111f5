"""What every sampling engine has to satisfy: its records against a plain float32 forward pass."""

import torch
from torch import Tensor
from transformers import PreTrainedModel

from mtpipe.learn.scoring.scorer import Scorer
from mtpipe.learn.scoring.sequences import Sequences, pad, tempered_logprobs
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.line_ends import line_ends
from mtpipe.sampling.drawing.randomness import rule_uniforms
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.temperature.apply import RowTemperatures, RuleContext
from mtpipe.temperature.masks import Masks


def token_logits(model: PreTrainedModel, sequences: Sequences) -> Tensor:
    """The untempered logits that each response token was drawn from, [tokens, vocabulary], by the model's own pass."""
    return model(input_ids=sequences.ids).logits[sequences.response_index, sequences.column - 1].float()


def assert_logprobs_are_those_of_a_forward_pass(policy, responses: list[Rollout], tolerance: float) -> None:
    """At the recorded temperatures, with no cache, no batching tricks and no left padding; and so the entropies.

    A temperature below 1 enlarges what the logits differ by in rounding, and the tolerance of a log-prob with it.
    """
    for response in responses:
        sequences = pad([response.prompt_ids], [response.response_ids])
        with torch.no_grad():
            logits = token_logits(policy.model, sequences)
        temperatures = torch.tensor(response.temperatures)
        logprobs, _ = tempered_logprobs(logits, sequences.targets, temperatures)
        cold = temperatures.clamp(max=1.0)
        entropies = torch.special.entr(logits.softmax(-1)).sum(-1)
        torch.testing.assert_close(
            logprobs * cold, torch.tensor(response.behaviour_logprobs) * cold, atol=tolerance, rtol=0
        )
        torch.testing.assert_close(entropies, torch.tensor(response.entropies), atol=tolerance, rtol=0)


def assert_replay_gives_the_recorded_logprobs(policy, responses: list[Rollout], tolerance: float) -> None:
    """The update's own scoring, with the recorded masks, of all responses at once; the mean ratio is then 1."""
    sequences = pad([one.prompt_ids for one in responses], [one.response_ids for one in responses])
    masks = Masks.of(
        [size for one in responses for size in one.mask_sizes], [i for one in responses for i in one.mask_ids]
    )
    temperatures = torch.tensor([value for one in responses for value in one.temperatures])
    recorded = torch.tensor([value for one in responses for value in one.behaviour_logprobs])
    with torch.no_grad():
        logprobs = Scorer(policy.model)(sequences, temperatures, torch.float32, masks).tempered
    even = torch.tensor([each for one in responses for each in one.even]) & logprobs.isfinite()
    logprobs = torch.where(even, -masks.sizes.clamp(min=1).float().log(), logprobs) if even.any() else logprobs
    cold = temperatures.clamp(max=1.0)
    torch.testing.assert_close(logprobs * cold, recorded * cold, atol=tolerance, rtol=0)
    assert abs((logprobs - recorded).exp().mean() - 1) < tolerance


def assert_temperatures_follow_from_entropies(
    policy, responses: list[Rollout], requests: list[Request], plan: SamplingPlan | None = None
) -> None:
    """Every recorded temperature is that of the request's rule, given the recorded entropy of the same token.

    With a plan, random rules get the number of their response and position.
    """
    rule_context = RuleContext(line_ends(policy.tokenizer, policy.model.config.vocab_size, "cpu"))
    asked = {(request.problem_id, request.sample): request for request in requests}
    for response in responses:
        request = asked[response.problem_id, response.sample]
        count = len(response.entropies)
        uniforms = None
        if plan is not None:
            own = rule_uniforms(plan.seed, plan.purpose, response.problem_id, response.sample, count)
            uniforms = torch.from_numpy(own)
        found = RowTemperatures([request.rule] * count, rule_context=rule_context).at(
            torch.tensor(response.entropies),
            torch.arange(count),
            torch.tensor([0, *response.response_ids[:-1]]),
            uniforms,
        )
        torch.testing.assert_close(found, torch.tensor(response.temperatures), atol=0, rtol=1e-6)
        assert response.base_temperature == request.base


def assert_lists_are_aligned(responses: list[Rollout], stop_ids: tuple[int, ...], max_new_tokens: int) -> None:
    """One entry a token; only the last token may stop, and it does so exactly where finish_reason says."""
    for response in responses:
        length = len(response.response_ids)
        assert length == len(response.behaviour_logprobs) == len(response.temperatures) == len(response.entropies)
        assert not set(response.response_ids[:-1]) & set(stop_ids)
        assert (response.response_ids[-1] in stop_ids) == (response.finish_reason == "stop")
        assert length == max_new_tokens or response.finish_reason == "stop"


def by_identity(responses):
    return {(response.problem_id, response.sample): response for response in responses}


def assert_same_rollouts(responses, others) -> None:
    """The same tokens throughout, and log-probs that differ by rounding."""
    ones, others = by_identity(responses), by_identity(others)
    assert ones.keys() == others.keys()
    for identity, one in ones.items():
        other = others[identity]
        assert one.response_ids == other.response_ids
        assert one.finish_reason == other.finish_reason
        torch.testing.assert_close(one.behaviour_logprobs, other.behaviour_logprobs, atol=2e-5, rtol=0)
