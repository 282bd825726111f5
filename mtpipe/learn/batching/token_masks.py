"""Which of a step's tokens a loss treats apart, settled before the step is split into micro-batches."""

from typing import Any

import torch
from torch import Tensor

from mtpipe.learn.losses.covariance import clip_cov, covariances, kl_cov
from mtpipe.learn.losses.high_entropy import reasoning_tokens, top_entropy
from mtpipe.settings.update import ClipCov, KlCov, Update

TokenMasks = dict[str, list[float]]
"""Of one response: 0 or 1 for each token, by the name that `batches.TrainingSample` has for it."""


def token_masks(rows: list[dict[str, Any]], advantages: list[float], settings: Update) -> list[TokenMasks]:
    """The choices that the settings ask for, for each response; none by default.

    * `surrogate_mask`: the surrogate acts on it (`top_entropy`, `clip_cov`).
    * `wide_clip_mask`: its ratio has the warm_start_harder_share clip range (`entropy_clip`).
    * `kl_mask`: a KL to the behaviour policy is added (`kl_cov`).

    Args:
        rows: of records.ROLLOUTS, all responses that take part in the step.
        advantages: of each response.
    """
    lengths = [len(row["response_ids"]) for row in rows]
    row = torch.arange(len(rows)).repeat_interleave(torch.tensor(lengths))
    chosen: dict[str, Tensor] = {}
    if settings.top_entropy is not None:
        chosen["surrogate_mask"] = top_entropy(_flat(rows, "entropies"), settings.top_entropy)
    if settings.entropy_clip is not None:
        chosen["wide_clip_mask"] = reasoning_tokens(_flat(rows, "entropies"), row, settings.entropy_clip.quantile)
    if settings.covariance is not None:
        found = covariances(_flat(rows, "behaviour_logprobs"), torch.tensor(advantages, dtype=torch.float64)[row])
        match settings.covariance:
            case ClipCov() as clip:
                problems = "/".join(dict.fromkeys(one["problem_id"] for one in rows))
                kept = ~clip_cov(found, clip.share, clip.low, clip.high, problems)
                chosen["surrogate_mask"] = chosen["surrogate_mask"] & kept if "surrogate_mask" in chosen else kept
            case KlCov() as kl:
                chosen["kl_mask"] = kl_cov(found, kl.share)
    parts = {name: [part.float().tolist() for part in flags.split(lengths)] for name, flags in chosen.items()}
    return [{name: values[index] for name, values in parts.items()} for index in range(len(rows))]


def _flat(rows: list[dict[str, Any]], column: str) -> Tensor:
    return torch.tensor([value for row in rows for value in row[column]], dtype=torch.float64)
