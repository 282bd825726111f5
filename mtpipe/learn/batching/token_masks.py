"""Per-token masks used by the loss (top-entropy, Archer, Clip-Cov, KL-Cov).

They are computed over the whole optimizer step, so that they do not depend on micro-batches.
"""

import torch
from torch import Tensor

from mtpipe.learn.losses.covariance import clip_cov, covariances, kl_cov
from mtpipe.learn.losses.high_entropy import reasoning_tokens, top_entropy
from mtpipe.records import Rollout
from mtpipe.settings.update import ClipCov, KlCov, Update

TokenMasks = dict[str, list[float]]
"""Of one response: 0 or 1 for each token, by the name that `TrainingSample` has for it."""


def token_masks(rollouts: list[Rollout], advantages: list[float], settings: Update) -> list[TokenMasks]:
    """The masks that the settings ask for, for each response; none by default.

    * `surrogate_mask`: the surrogate acts on it (`top_entropy`, `clip_cov`).
    * `wide_clip_mask`: its ratio has the warm_start_harder_share clip range (`entropy_clip`).
    * `kl_mask`: a KL to the behaviour policy is added (`kl_cov`).

    Args:
        rollouts: all responses that take part in the step.
        advantages: of each response.
    """
    lengths = [len(rollout.response_ids) for rollout in rollouts]
    response_index = torch.arange(len(rollouts)).repeat_interleave(torch.tensor(lengths))
    chosen: dict[str, Tensor] = {}
    if settings.top_entropy is not None:
        chosen["surrogate_mask"] = top_entropy(_flat([rollout.entropies for rollout in rollouts]), settings.top_entropy)
    if settings.entropy_clip is not None:
        chosen["wide_clip_mask"] = reasoning_tokens(
            _flat([rollout.entropies for rollout in rollouts]), response_index, settings.entropy_clip.quantile
        )
    if settings.covariance is not None:
        found = covariances(
            _flat([rollout.behaviour_logprobs for rollout in rollouts]),
            torch.tensor(advantages, dtype=torch.float64)[response_index],
        )
        match settings.covariance:
            case ClipCov() as clip:
                problems = "/".join(dict.fromkeys(rollout.problem_id for rollout in rollouts))
                kept = ~clip_cov(found, clip.share, clip.low, clip.high, problems)
                chosen["surrogate_mask"] = chosen["surrogate_mask"] & kept if "surrogate_mask" in chosen else kept
            case KlCov() as kl:
                chosen["kl_mask"] = kl_cov(found, kl.share)
    parts = {name: [part.float().tolist() for part in flags.split(lengths)] for name, flags in chosen.items()}
    return [{name: values[index] for name, values in parts.items()} for index in range(len(rollouts))]


def _flat(values: list[list[float]]) -> Tensor:
    return torch.tensor([value for part in values for value in part], dtype=torch.float64)
