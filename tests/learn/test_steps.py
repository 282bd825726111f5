"""Optimizer steps by hand: every response's advantage, weight and masks, and what is said of a step beforehand."""

import pytest
from builders import rollout

from mtpipe.learn.batching.groups import RolloutGroup, join_groups
from mtpipe.learn.batching.steps import OptimizerStep, optimizer_steps
from mtpipe.settings.update import ClipCov, EntropyClip, KlCov

LENGTHS = [2, 4, 3, 1]
REWARDS = [1.0, 0.0, 0.0, 0.5]
MEAN = sum(REWARDS) / 4
DEVIATION = (sum((reward - MEAN) ** 2 for reward in REWARDS) / 3) ** 0.5


def group(problem: str = "p", rewards: list[float] = REWARDS, bases: tuple[float, ...] = (1.0,) * 4, **columns):
    rollouts = [
        rollout([5] * length, problem_id=problem, sample=number, temperature=base)
        for number, (length, base) in enumerate(zip(LENGTHS, bases, strict=True))
    ]
    return RolloutGroup(problem, rollouts, rewards, **columns)


def steps(groups: list[RolloutGroup], params, **changes) -> list[OptimizerStep]:
    return optimizer_steps(groups, params.update.model_copy(update={"prompts_per_step": 2, **changes}), 12)


def advantages(step: OptimizerStep) -> list[float]:
    return [one.advantage for one in step.responses]


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ("std", [(reward - MEAN) / (DEVIATION + 1e-4) for reward in REWARDS]),
        ("mean", [reward - MEAN for reward in REWARDS]),
        ("leave_one_out", [(reward - MEAN) * 4 / 3 for reward in REWARDS]),
    ],
)
def test_advantages_are_those_of_the_setting(params, scale, expected):
    [step] = steps([group()], params, advantage=scale)
    assert advantages(step) == pytest.approx(expected)


def test_a_standard_deviation_over_the_step_is_that_of_both_groups(params):
    [step] = steps([group(), group("q", [1.0, 1.0, 0.0, 0.0])], params, advantage="batch_std")
    centred = [reward - MEAN for reward in REWARDS] + [0.5, 0.5, -0.5, -0.5]
    deviation = (sum(value**2 for value in centred) / 7) ** 0.5
    assert advantages(step) == pytest.approx([value / (deviation + 1e-4) for value in centred])


def test_a_baseline_by_temperature_reaches_the_steps(params):
    one = group(rewards=[1.0, 0.0, 1.0, 1.0], bases=(0.7, 0.7, 1.3, 1.3))
    [step] = steps([one], params, baseline="temperature", advantage="mean")
    assert advantages(step) == pytest.approx([0.5, -0.5, 0.0, 0.0])


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("grpo", [1 / (8 * length) for length in LENGTHS] * 2),
        ("gspo", [1 / (8 * length) for length in LENGTHS] * 2),
        ("dapo", [1 / 20] * 8),
        ("cispo", [1 / 20] * 8),
        ("bnpo", [1 / (2 * 10)] * 8),
        ("dr_grpo", [1 / (8 * 12)] * 8),
    ],
)
def test_each_loss_weighs_tokens_in_its_own_way(params, loss, expected):
    [step] = steps([group(), group("q")], params, loss=loss)
    assert [one.weight for one in step.responses] == pytest.approx(expected)
    assert [len(one.rollout.response_ids) for one in step.responses] == LENGTHS * 2


def test_groups_of_different_lengths_count_the_same_in_bnpo(params):
    short = RolloutGroup("q", [rollout([5], problem_id="q", sample=n) for n in range(4)], REWARDS)
    [step] = steps([group(), short], params, loss="bnpo")
    assert [one.weight for one in step.responses] == pytest.approx([1 / 20] * 4 + [1 / 8] * 4)


def test_steps_are_cut_in_order_and_described(params):
    groups = [group(), group("flat", [0.5] * 4), group("q", [0.0, 0.0, 0.0, 1.0])]
    first, second = steps(groups, params)
    assert [one.rollout.problem_id for one in first.responses] == ["p"] * 4
    assert [one.rollout.problem_id for one in second.responses] == ["q"] * 4
    assert (first.groups, second.groups) == (2, 1)
    assert first.described == {"reward": (MEAN + 0.5) / 2, "response_tokens": 2.5, "groups_dropped": 1}
    assert second.described == {"reward": 0.25, "response_tokens": 2.5, "groups_dropped": 0}
    [kept, _] = steps(groups, params, keep_zero_advantage_groups=True)
    assert [one.rollout.problem_id for one in kept.responses] == ["p"] * 4 + ["flat"] * 4
    assert [one.weight for one in kept.responses] == [1 / 20] * 8
    [nothing] = steps([group("flat", [0.5] * 4)], params)
    assert (nothing.responses, nothing.described["groups_dropped"]) == ([], 1)


def test_rewards_reach_their_own_responses_in_whatever_order_the_verdicts_are():
    rollouts = group().rollouts + group("q").rollouts
    verdicts = [
        {"problem_id": one.problem_id, "sample": one.sample, "reward": one.sample + 10 * (one.problem_id == "q")}
        | ({"masked": True} if (one.problem_id, one.sample) == ("q", 2) else {})
        for one in rollouts
    ]
    one, other = join_groups(rollouts[::-1], verdicts[1::2] + verdicts[::2], 4)
    assert (one.problem_id, one.rewards, one.masked) == ("q", [10, 11, 12, 13], frozenset({2}))
    assert (other.problem_id, other.rewards, other.masked) == ("p", [0, 1, 2, 3], frozenset())
    assert [rollout.sample for rollout in one.rollouts] == [0, 1, 2, 3]


def marked() -> RolloutGroup:
    """Log-probs and entropies that set single tokens apart; the first two responses' advantages are 1 and -1."""
    columns = [
        {"behaviour_logprobs": [-5.0, -0.1], "entropies": [3.0, 0.1]},
        {"behaviour_logprobs": [-0.1, -6.0, -0.2, -0.3], "entropies": [0.1, 2.9, 0.2, 0.3]},
    ]
    rollouts = [rollout([5] * LENGTHS[n], sample=n, **columns[n]) for n in range(2)]
    return RolloutGroup("p", rollouts, [1.0, 0.0])


def test_masks_are_those_of_their_own_tokens(params):
    def masks(name: str, **changes) -> list[list[float]]:
        [step] = steps([marked()], params, advantage="mean", **changes)
        return [getattr(one, name) for one in step.responses]

    assert masks("surrogate_mask", top_entropy=0.3) == [[1, 0], [0, 1, 0, 0]]
    assert masks("wide_clip_mask", entropy_clip=EntropyClip(quantile=0.9)) == [[1, 0], [0, 1, 0, 0]]
    assert masks("wide_clip_mask", entropy_clip=EntropyClip(quantile=0.3)) == [[1, 0], [0, 1, 1, 1]]
    # covariances of log-prob and advantage: mean log-prob -1.95, mean advantage -1/6
    # -> -2.03 and 1.23; then -0.62, 1.35, -0.58, -0.55
    assert masks("kl_mask", covariance=KlCov(kind="kl_cov", share=0.2)) == [[0, 0], [0, 1, 0, 0]]
    assert masks("kl_mask", covariance=KlCov(kind="kl_cov", share=0.34)) == [[0, 1], [0, 1, 0, 0]]
    band = ClipCov(kind="clip_cov", share=0.2, low=1.3, high=5.0)
    assert masks("surrogate_mask", covariance=band) == [[1, 1], [1, 0, 1, 1]]
    assert masks("surrogate_mask", covariance=band, top_entropy=0.3) == [[1, 0], [0, 0, 0, 0]]


def test_covariances_are_with_the_size_of_the_advantages(params):
    """The likeliest token of the best response, and not the likelier one of a response that is barely good."""
    columns = [{"behaviour_logprobs": [-1.0, -1.0]}, {"behaviour_logprobs": [-8.0, -0.1, -1.0, -1.0]}]
    columns += [{"behaviour_logprobs": [-5.0, -1.0, -0.5]}]
    rollouts = [rollout([5] * LENGTHS[n], sample=n, **columns[n]) for n in range(3)]
    one = RolloutGroup("p", rollouts, [0.0, 3.0, 5.0])
    [step] = steps([one], params, advantage="mean", covariance=KlCov(kind="kl_cov", share=0.1))
    logprobs = [value for column in columns for value in column["behaviour_logprobs"]]
    of_token = [reward - 8 / 3 for reward, length in zip([0.0, 3.0, 5.0], LENGTHS, strict=False) for _ in range(length)]
    found = [
        (logprob - sum(logprobs) / 9) * (advantage - sum(of_token) / 9)
        for logprob, advantage in zip(logprobs, of_token, strict=True)
    ]
    flags = [flag for sample in step.responses for flag in sample.kl_mask]
    assert flags == [float(value == max(found)) for value in found]
