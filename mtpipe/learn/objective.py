"""The loss of a micro-batch: target, surrogate, importance weights and KL, as params.yaml combines them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mtpipe.learn.batching.steps import TrainingSample
from mtpipe.learn.losses.covariance import held_back
from mtpipe.learn.losses.importance import behaviour_kl, importance_weights
from mtpipe.learn.losses.mismatch import mismatch_weights
from mtpipe.learn.losses.named import LossInputs, surrogate_of
from mtpipe.learn.losses.surrogates import k3
from mtpipe.learn.scoring.chunked_head import TokenScores
from mtpipe.settings.mismatch import corrects
from mtpipe.settings.update import KlCov, Update
from mtpipe.temperature.masks import Masks


@dataclass(frozen=True)
class MicroBatch:
    """What is known of a micro-batch's response tokens besides the policy's scores; every tensor is [tokens].

    `masks` is None where nothing was cut; `even` says which tokens were drawn evenly among what theirs kept.
    """

    behaviour_logprobs: Tensor
    temperatures: Tensor
    advantages: Tensor
    weights: Tensor
    response_index: Tensor
    round_start_logprobs: Tensor
    log_mismatch: Tensor
    reference_logprobs: Tensor
    surrogate_mask: Tensor
    wide_clip_mask: Tensor
    kl_mask: Tensor
    masks: Masks | None
    even: Tensor


def flatten(batch: list[TrainingSample], response_index: Tensor) -> MicroBatch:
    """Lays the responses' values out flat; those that the responses have none of are empty."""

    def flat(values: Sequence[Sequence[float]]) -> Tensor:
        return torch.tensor([value for part in values for value in part], device=response_index.device)

    return MicroBatch(
        behaviour_logprobs=flat([one.rollout.behaviour_logprobs for one in batch]),
        temperatures=flat([one.rollout.temperatures for one in batch]),
        advantages=flat([[one.advantage] * len(one.rollout.response_ids) for one in batch]),
        weights=flat([[one.weight] * len(one.rollout.response_ids) for one in batch]),
        response_index=response_index,
        round_start_logprobs=flat([one.round_start_logprobs for one in batch]),
        log_mismatch=flat([one.log_mismatch for one in batch]),
        reference_logprobs=flat([one.reference_logprobs for one in batch]),
        surrogate_mask=flat([one.surrogate_mask for one in batch]),
        wide_clip_mask=flat([one.wide_clip_mask for one in batch]),
        kl_mask=flat([one.kl_mask for one in batch]),
        masks=_masks(batch, response_index.device),
        even=flat([one.rollout.even for one in batch]),
    )


def replay_even(scores: TokenScores, tokens: MicroBatch) -> TokenScores:
    """The scores in which a token that was drawn evenly has its distribution's, without gradient.

    That is -ln n among n tokens, whatever the policy makes of them. A token that is not among them keeps its -inf.
    """
    if tokens.masks is None or not tokens.even.any():
        return scores
    entropy = tokens.masks.sizes.clamp(min=1).float().log()
    among = tokens.even & scores.tempered.isfinite()
    return replace(
        scores,
        tempered=torch.where(among, -entropy, scores.tempered),
        entropy_tempered=torch.where(tokens.even, entropy, scores.entropy_tempered),
    )


def _masks(batch: list[TrainingSample], device: torch.device) -> Masks | None:
    if not any(one.rollout.mask_sizes for one in batch):
        return None
    sizes = [size for one in batch for size in one.rollout.mask_sizes or [0] * len(one.rollout.response_ids)]
    return Masks.of(sizes, [token for one in batch for token in one.rollout.mask_ids], device)


def policy_loss(
    scores: TokenScores, tokens: MicroBatch, settings: Update, entropy_coefficient: float = 0.0
) -> tuple[Tensor, dict[str, Tensor]]:
    """The micro-batch's share of the step's loss, with gradient, and what is logged of each token [tokens].

    Three policies are told apart: pi, the present one; pi_start, which the round starts with, as the update computes
    it; and mu, the same as the engine computed it, which drew the tokens. With the tempered target all are at the T_t
    that a token was sampled at: the ratio is pi / pi_start, and the weight w = pi_start / mu corrects the mismatch of
    update and engine (`mtpipe.learn.losses.mismatch`). Without a correction the ratio may be taken straight to mu.

    With the untempered target pi and pi_start are at T=1, and the loss is multiplied by the importance weight
    pi_start(1) / mu(T_t). It contains the mismatch, so a correction only leaves out what it cuts.

    `entropy_coefficient` times the entropy of the distribution that the target scores is taken off; `scores` then have
    that entropy's gradient.
    """
    tempered = settings.target == "tempered"
    logprobs = scores.tempered if tempered else scores.untempered
    log_ratio = logprobs - (tokens.round_start_logprobs if settings.ratio_to_round_start else tokens.behaviour_logprobs)
    inputs = LossInputs(
        log_ratio,
        logprobs,
        tokens.advantages,
        tokens.response_index,
        *_clip_range(tokens, settings),
        settings.dual_clip,
    )
    surrogate = surrogate_of(settings.loss, inputs)
    losses, importance = surrogate.loss, surrogate.ratio
    if len(tokens.surrogate_mask):
        losses = losses * tokens.surrogate_mask
    logged = {
        "ratio": surrogate.ratio,
        "log_ratio": log_ratio.detach(),
        "clip_fraction": surrogate.clipped.float(),
        "kl_behaviour": behaviour_kl(scores.untempered, tokens.behaviour_logprobs),
        "entropy": scores.entropy.detach(),
        "entropy_tempered": scores.entropy_tempered.detach(),
    }
    if len(tokens.surrogate_mask):
        logged["surrogate_share"] = tokens.surrogate_mask
    if not tempered:
        log_weight = tokens.round_start_logprobs - tokens.behaviour_logprobs
        weights = importance_weights(log_weight, tokens.response_index, settings.importance, settings.importance_cap)
        losses, importance = losses * weights, importance * weights
        logged["importance"] = weights
        logged["importance_capped"] = (weights < log_weight.exp()).float()
        if settings.importance == "sequence_mask":
            logged["importance_capped"] = (weights == 0).float()
        if settings.importance == "none":
            logged["importance_capped"] = torch.zeros_like(weights)
    if corrects(settings.mismatch):
        weights = mismatch_weights(tokens.log_mismatch, tokens.response_index, settings.mismatch)
        logged["mismatch_cut"] = (weights == 0).float()
        logged["mismatch_weight"] = weights if tempered else 1 - logged["mismatch_cut"]
        losses, importance = losses * logged["mismatch_weight"], importance * logged["mismatch_weight"]
    if settings.kl_coefficient:
        divergence = k3(logprobs, tokens.reference_logprobs)
        losses = losses + settings.kl_coefficient * divergence
        logged["kl_reference"] = divergence.detach()
    if isinstance(settings.covariance, KlCov):
        held = held_back(log_ratio) * tokens.kl_mask
        losses = losses + settings.covariance.coefficient * held
        logged["kl_cov"] = held.detach()
    if entropy_coefficient:
        losses = losses - entropy_coefficient * (scores.entropy_tempered if tempered else scores.entropy)
    logged["importance_used"] = importance
    return (losses * tokens.weights).sum(), logged


def _clip_range(tokens: MicroBatch, settings: Update) -> tuple[Tensor | float, Tensor | float]:
    """How far the ratio may go below and above 1: one number, or one for each token [tokens]."""
    if isinstance(settings.covariance, KlCov):
        return 1.0, math.inf
    if settings.entropy_clip is None:
        return settings.clip_low, settings.clip_high
    split = settings.entropy_clip
    ranges = torch.where(tokens.wide_clip_mask > 0, split.high, split.low)
    return ranges, ranges
