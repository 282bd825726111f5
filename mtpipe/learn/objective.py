"""The loss of a micro-batch: target, surrogate, importance weights and KL, as params.yaml combines them."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mtpipe.learn.batching.batches import Scored
from mtpipe.learn.losses.covariance import held_back
from mtpipe.learn.losses.importance import behaviour_kl, correction
from mtpipe.learn.losses.surrogates import cispo, clipped, k3, sequence_log_ratio
from mtpipe.learn.scoring.chunked_head import TokenScores
from mtpipe.settings.update import KlCov, Update
from mtpipe.temperature.masks import Masks


@dataclass(frozen=True)
class Tokens:
    """What is known of a micro-batch's response tokens besides the policy's scores; every tensor is [tokens].

    `masks` is None where nothing was cut.
    """

    sampled: Tensor
    temperatures: Tensor
    advantages: Tensor
    weights: Tensor
    row: Tensor
    start: Tensor
    reference: Tensor
    kept: Tensor
    reasoning: Tensor
    held: Tensor
    masks: Masks | None


def flatten(batch: list[Scored], row: Tensor) -> Tokens:
    """Lays the responses' values out flat; those that the responses have none of are empty."""

    def flat(values: list[list[float]]) -> Tensor:
        return torch.tensor([value for part in values for value in part], device=row.device)

    return Tokens(
        sampled=flat([one.logprobs for one in batch]),
        temperatures=flat([one.temperatures for one in batch]),
        advantages=flat([[one.advantage] * len(one.response_ids) for one in batch]),
        weights=flat([[one.weight] * len(one.response_ids) for one in batch]),
        row=row,
        start=flat([one.start for one in batch]),
        reference=flat([one.reference for one in batch]),
        kept=flat([one.kept for one in batch]),
        reasoning=flat([one.reasoning for one in batch]),
        held=flat([one.held for one in batch]),
        masks=_masks(batch, row.device),
    )


def _masks(batch: list[Scored], device: torch.device) -> Masks | None:
    if not any(one.mask_sizes for one in batch):
        return None
    sizes = [size for one in batch for size in one.mask_sizes or [0] * len(one.response_ids)]
    return Masks.of(sizes, [token for one in batch for token in one.mask_ids], device)


def policy_loss(
    scores: TokenScores, tokens: Tokens, settings: Update, entropy_coefficient: float = 0.0
) -> tuple[Tensor, dict[str, Tensor]]:
    """The micro-batch's share of the step's loss, with gradient, and what is logged of each token [tokens].

    With the tempered target a token is scored at the T_t it was sampled at, and its ratio is that to the behaviour
    policy. With the untempered target it is scored at T=1, its ratio is that to the policy which the round started
    with, scored at T=1 too, and its loss is multiplied by the importance weight of that policy over the behaviour.

    `entropy_coefficient` times the entropy of the distribution that the target scores is taken off; `scores` then have
    that entropy's gradient.
    """
    tempered = settings.target == "tempered"
    logprobs = scores.tempered if tempered else scores.untempered
    log_ratio = logprobs - (tokens.sampled if tempered else tokens.start)
    bounded = sequence_log_ratio(log_ratio, tokens.row) if settings.loss == "gspo" else log_ratio
    if settings.loss == "cispo":
        surrogate = cispo(bounded, logprobs, tokens.advantages, settings.clip_high)
    else:
        surrogate = clipped(bounded, tokens.advantages, *_clip_range(tokens, settings), settings.dual_clip)
    losses, importance = surrogate.loss, surrogate.ratio
    if len(tokens.kept):
        losses = losses * tokens.kept
    logged = {
        "ratio": surrogate.ratio,
        "log_ratio": log_ratio.detach(),
        "clip_fraction": surrogate.clipped.float(),
        "kl_behaviour": behaviour_kl(scores.untempered, tokens.sampled),
        "entropy": scores.entropy.detach(),
        "entropy_tempered": scores.entropy_tempered.detach(),
    }
    if len(tokens.kept):
        logged["kept"] = tokens.kept
    if not tempered:
        log_weight = tokens.start - tokens.sampled
        corrections = correction(log_weight, tokens.row, settings.importance, settings.importance_cap)
        losses, importance = losses * corrections, importance * corrections
        logged["importance"] = corrections
        logged["importance_capped"] = (corrections < log_weight.exp()).float()
        if settings.importance == "sequence_mask":
            logged["importance_capped"] = (corrections == 0).float()
    if settings.kl_coefficient:
        divergence = k3(logprobs, tokens.reference)
        losses = losses + settings.kl_coefficient * divergence
        logged["kl_reference"] = divergence.detach()
    if isinstance(settings.covariance, KlCov):
        held = held_back(log_ratio) * tokens.held
        losses = losses + settings.covariance.coefficient * held
        logged["kl_held"] = held.detach()
    if entropy_coefficient:
        losses = losses - entropy_coefficient * (scores.entropy_tempered if tempered else scores.entropy)
    logged["importance_used"] = importance
    return (losses * tokens.weights).sum(), logged


def _clip_range(tokens: Tokens, settings: Update) -> tuple[Tensor | float, Tensor | float]:
    """How far the ratio may go below and above 1: one number, or one for each token [tokens]."""
    if isinstance(settings.covariance, KlCov):
        return 1.0, math.inf
    if settings.entropy_clip is None:
        return settings.clip_low, settings.clip_high
    split = settings.entropy_clip
    ranges = torch.where(tokens.reasoning > 0, split.high, split.low)
    return ranges, ranges
