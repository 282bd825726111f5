import pytest
from updating import sampled_groups

from mtpipe.learn.after_round import after_round
from mtpipe.learn.scoring.scorer import Scorer
from mtpipe.temperature.rules.uniform import ResolvedUniform


def test_a_controller_sees_the_responses_log_probs_at_any_temperature_in_the_rounds_order(policy, settings):
    prompts = ["2+9*3-4>", "1+2>", "3*3*3>"]
    groups = sampled_groups(policy, ResolvedUniform(temperature=1.2), prompts, lambda rollout: rollout.sample == 0)
    seen = after_round(groups, Scorer(policy.model), settings.model_copy(update={"tokens_per_micro_batch": 40}))

    ordered = [rollout for group in groups for rollout in group.rollouts]
    tokens = [value for rollout in ordered for value in rollout.behaviour_logprobs]
    assert seen.entropy == pytest.approx(-sum(tokens) / len(tokens))
    assert seen.vocabulary == policy.model.config.vocab_size
    assert seen.advantages == pytest.approx([1.4998, -0.49988, -0.49988, -0.49988] * 3, abs=1e-3)
    at_both = seen.logprobs_at([1.2, 3.0])
    for rollout, (at_its_own, hotter) in zip(ordered, at_both, strict=True):
        mean = sum(rollout.behaviour_logprobs) / len(rollout.behaviour_logprobs)
        assert at_its_own == pytest.approx(mean, abs=1e-5)
        assert hotter != pytest.approx(at_its_own, abs=1e-3)
