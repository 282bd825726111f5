"""The loss of a micro-batch against docs/update.md in another hand: plain forward passes, and autograd."""

import copy
import math

import numpy as np
import pytest
import torch
from builders import rollout

from mtpipe.learn.batching.steps import TrainingSample
from mtpipe.learn.scoring.scorer import Scorer
from mtpipe.learn.scoring.shared_prompts import lay_out
from mtpipe.learn.update import micro_batch_loss
from mtpipe.settings.mismatch import SequenceMask, TokenMask, TokenTruncate, Uncorrected, corrects
from mtpipe.settings.update import ClipCov, EntropyClip, KlCov

SETTINGS = [
    {},
    {"dual_clip": 1.5, "clip_low": 0.05, "clip_high": 0.6},
    {"loss": "gspo", "clip_low": 0.02, "clip_high": 0.04},
    {"loss": "cispo", "clip_low": 0.1, "clip_high": 0.3},
    {"kl_coefficient": 0.2},
    {"entropy_clip": EntropyClip(low=0.05, high=0.6)},
    {"covariance": KlCov(kind="kl_cov", coefficient=0.7)},
    {"covariance": ClipCov(kind="clip_cov")},
    {"target": "untempered"},
    {"target": "untempered", "kl_coefficient": 0.2, "importance_cap": 1.2},
    {"target": "untempered", "importance": "sequence_mask", "importance_cap": 1.5},
    {"target": "untempered", "entropy_clip": EntropyClip(low=0.05, high=0.6)},
    {"target": "untempered", "loss": "cispo"},
    {"mismatch": Uncorrected(ratio_to="round_start")},
    {"mismatch": TokenTruncate(kind="token_truncate", cap=1.1)},
    {"mismatch": TokenMask(kind="token_mask", low=0.8, high=1.4)},
    {"mismatch": SequenceMask(kind="sequence_mask", cap=1.5, veto=0.5)},
    {"mismatch": SequenceMask(kind="sequence_mask", cap=1.5), "target": "untempered"},
]


@pytest.fixture
def samples(policy) -> list[TrainingSample]:
    """Responses whose other log-probs, masks and temperatures are random, near the policy's own."""
    draw = np.random.default_rng(0)
    found = []
    for number in range(10):
        prompt, ids = draw.integers(2, 18, 1 + number % 5).tolist(), draw.integers(2, 18, 1 + number).tolist()
        temperatures = draw.choice([0.6, 1.0, 1.5], len(ids)).tolist()
        with torch.no_grad():
            tempered, untempered, _, _ = scored(policy, prompt, ids, temperatures)

        def near(values: torch.Tensor, spread: float = 0.4) -> list[float]:
            return (values.numpy() + draw.normal(0, spread, len(values))).tolist()

        def flags(count: int = len(ids)) -> list[float]:
            return draw.integers(0, 2, count).astype(float).tolist()

        sampled = rollout(ids, prompt, behaviour_logprobs=near(tempered), temperatures=temperatures)
        found.append(
            TrainingSample(
                sampled,
                advantage=[-1.2, 0.8][number % 2],
                weight=float(draw.uniform(0.01, 0.05)),
                round_start_logprobs=near(untempered),
                log_mismatch=draw.normal(0, 0.3, len(ids)).tolist(),
                reference_logprobs=near(untempered),
                surrogate_mask=flags(),
                wide_clip_mask=flags(),
                kl_mask=flags(),
            )
        )
    return found


def scored(policy, prompt, ids, temperatures) -> tuple[torch.Tensor, ...]:
    """Log-probs at the temperatures and at 1, and the entropies of the two distributions, from one forward pass."""
    logits = policy.model(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1].float()
    both = [(logits / divided).log_softmax(-1) for divided in (torch.tensor(temperatures)[:, None], 1.0)]
    at = torch.arange(len(ids)), torch.tensor(ids)
    return *(of[at] for of in both), *(-(of.exp() * of).sum(-1) for of in both)


def mismatch_weight(log_weight: torch.Tensor, mismatch) -> torch.Tensor:
    """docs/mismatch.md, of one response."""
    weight, whole = log_weight.exp(), log_weight.sum().exp().expand_as(log_weight)
    if mismatch.veto is not None and weight.min() < mismatch.veto:
        return torch.zeros_like(weight)
    if isinstance(mismatch, TokenTruncate):
        return torch.minimum(weight, torch.tensor(mismatch.cap))
    if isinstance(mismatch, TokenMask):
        return weight * ((mismatch.low <= weight) & (weight <= mismatch.high))
    return whole * (whole <= mismatch.cap)


def expected_loss(policy, samples, settings, coefficient: float) -> torch.Tensor:
    """docs/update.md, response by response."""
    total = torch.zeros(())
    for one in samples:
        tempered, untempered, *entropies = scored(
            policy, one.rollout.prompt_ids, one.rollout.response_ids, one.rollout.temperatures
        )
        is_tempered = settings.target == "tempered"
        logprobs = tempered if is_tempered else untempered
        sampled, start = torch.tensor(one.rollout.behaviour_logprobs), torch.tensor(one.round_start_logprobs)
        log_ratio = logprobs - (start if settings.ratio_to_round_start else sampled)
        bounded = log_ratio.mean().expand_as(log_ratio) if settings.loss == "gspo" else log_ratio
        ratio, advantage = bounded.exp(), one.advantage
        if settings.loss == "cispo":
            losses = -ratio.detach().clamp(max=1 + settings.clip_high) * advantage * logprobs
        else:
            low, high = torch.tensor(settings.clip_low), torch.tensor(settings.clip_high)
            if settings.entropy_clip:
                wide = torch.tensor(one.wide_clip_mask) > 0
                low = high = torch.where(wide, settings.entropy_clip.high, settings.entropy_clip.low)
            if isinstance(settings.covariance, KlCov):
                low, high = torch.tensor(1.0), torch.tensor(math.inf)
            clipped = torch.maximum(torch.minimum(ratio, 1 + high), 1 - low)
            objective = torch.minimum(ratio * advantage, clipped * advantage)
            if settings.dual_clip and advantage < 0:
                objective = objective.clamp(min=settings.dual_clip * advantage)
            losses = -objective
        losses = losses * torch.tensor(one.surrogate_mask)
        if not is_tempered:
            weight = (start - sampled).exp()
            if settings.importance == "sequence_mask":
                whole = (start - sampled).sum().exp()
                losses = losses * (whole if whole <= settings.importance_cap else 0.0)
            else:
                losses = losses * weight.clamp(max=settings.importance_cap)
        if corrects(settings.mismatch):
            weight = mismatch_weight(torch.tensor(one.log_mismatch), settings.mismatch)
            losses = losses * (weight if is_tempered else (weight != 0).float())
        if settings.kl_coefficient:
            gap = torch.tensor(one.reference_logprobs) - logprobs
            losses = losses + settings.kl_coefficient * (gap.exp() - 1 - gap)
        if isinstance(settings.covariance, KlCov):
            held = (log_ratio.exp() - 1 - log_ratio) * torch.tensor(one.kl_mask)
            losses = losses + settings.covariance.coefficient * held
        losses = losses - coefficient * entropies[0 if is_tempered else 1]
        total = total + one.weight * losses.sum()
    return total


@pytest.mark.parametrize("coefficient", [0.0, 0.3])
@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_losses_and_gradients_are_those_of_the_documentation(policy, params, samples, changes, coefficient):
    settings = params.update.model_copy(update=changes)
    twin = copy.deepcopy(policy)
    sequences = lay_out(samples, None, torch.device("cpu"))
    scorer = Scorer(policy.model)
    loss, logged = micro_batch_loss(scorer, samples, sequences, settings, coefficient)
    loss.backward()
    expected = expected_loss(twin, samples, settings, coefficient)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-6)
    ours, theirs = (
        torch.cat([parameter.grad.flatten() for parameter in one.model.parameters()]) for one in (policy, twin)
    )
    assert (ours - theirs).norm() <= 1e-4 * theirs.norm()
    check_logged(twin, samples, settings, logged)


def check_logged(policy, samples, settings, logged) -> None:
    """What is logged of each token."""
    with torch.no_grad():
        of_each = [
            scored(policy, one.rollout.prompt_ids, one.rollout.response_ids, one.rollout.temperatures)
            for one in samples
        ]
    tempered, untempered, entropy_tempered, entropy = (torch.cat(column) for column in zip(*of_each, strict=True))
    sampled = torch.tensor([value for one in samples for value in one.rollout.behaviour_logprobs])
    start = torch.tensor([value for one in samples for value in one.round_start_logprobs])
    gap = untempered - sampled
    expected = {"entropy": entropy, "entropy_tempered": entropy_tempered, "kl_behaviour": gap.exp() - 1 - gap}
    if settings.target == "tempered":
        expected["log_ratio"] = tempered - (start if settings.ratio_to_round_start else sampled)
    else:
        expected["log_ratio"] = untempered - start
        weights = (start - sampled).exp()
        if settings.importance == "token_truncate":
            expected["importance"] = weights.clamp(max=settings.importance_cap)
            expected["importance_capped"] = (weights > settings.importance_cap).float()
        else:
            lengths = [len(one.rollout.response_ids) for one in samples]
            kept = [part.sum().exp() <= settings.importance_cap for part in (start - sampled).split(lengths)]
            assert 0 < sum(kept) < len(kept)
            expected["importance_capped"] = 1 - torch.tensor(kept).float().repeat_interleave(torch.tensor(lengths))
    if settings.kl_coefficient:
        reference = torch.tensor([value for one in samples for value in one.reference_logprobs])
        gap = reference - (tempered if settings.target == "tempered" else untempered)
        expected["kl_reference"] = gap.exp() - 1 - gap
    for name, values in expected.items():
        torch.testing.assert_close(logged[name], values, rtol=1e-4, atol=1e-5, msg=name)
