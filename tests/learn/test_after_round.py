import pytest
from test_update import GROUP_SIZE, settings  # noqa: F401  (a fixture)

from mtpipe.learn.after_round import after_round
from mtpipe.learn.batching.groups import join_groups
from mtpipe.learn.scoring.scorer import Scorer
from mtpipe.sampling.requests import Request, SamplingPlan
from mtpipe.sampling.torch_engine import sample
from mtpipe.temperature.rules.uniform import ResolvedUniform


def test_a_controller_sees_the_responses_log_probs_at_any_temperature_in_the_rounds_order(policy, settings):  # noqa: F811
    rule = ResolvedUniform(temperature=1.2)
    requests = [
        Request(prompt, index, policy.encode(prompt), 1.2, rule)
        for prompt in ("2+9*3-4>", "1+2>", "3*3*3>")
        for index in range(GROUP_SIZE)
    ]
    plan = SamplingPlan(0, "round 0", max_new_tokens=16, batch_size=100)
    rows = [vars(response) for response in sample(policy, requests, plan)]
    verdicts = [
        {"problem_id": row["problem_id"], "sample": row["sample"], "reward": float(row["sample"] == 0)} for row in rows
    ]
    groups = join_groups(rows, verdicts, GROUP_SIZE)
    found = after_round(groups, Scorer(policy.model), settings.model_copy(update={"tokens_per_micro_batch": 40}))

    ordered = [row for group in groups for row in group.rollouts]
    tokens = [value for row in ordered for value in row["behaviour_logprobs"]]
    assert found.entropy == pytest.approx(-sum(tokens) / len(tokens))
    assert found.vocabulary == policy.model.config.vocab_size
    assert found.advantages == pytest.approx([1.4998, -0.49988, -0.49988, -0.49988] * 3, abs=1e-3)
    at_both = found.logprobs_at([1.2, 3.0])
    for row, (at_its_own, hotter) in zip(ordered, at_both, strict=True):
        assert at_its_own == pytest.approx(sum(row["behaviour_logprobs"]) / len(row["behaviour_logprobs"]), abs=1e-5)
        assert hotter != pytest.approx(at_its_own, abs=1e-3)
