"""What is reported of a round as a whole."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from mtpipe.measure.group_outcomes import group_outcomes
from mtpipe.measure.refill_metrics import refill_metrics
from mtpipe.measure.reward_parts import reward_parts
from mtpipe.measure.temperature_shares import temperature_shares
from mtpipe.measure.token_strip import token_strip
from mtpipe.model.token_texts import TokenTexts
from mtpipe.records import Rollout, SampledRound
from mtpipe.settings.sampling import RoundSize

HISTOGRAM_EDGES = np.linspace(0.0, 3.0, 61)
"""Nats; what lies above counts in the last bin."""

_POSITION_BINS = 48

STEP_MEANS = (
    "loss",
    "entropy_tempered",
    "ratio",
    "log_ratio",
    "clip_fraction",
    "effective_share",
    "kl_behaviour",
    "kl_reference",
    "importance",
    "importance_capped",
    "surrogate_share",
    "kl_cov",
    "entropy_coefficient",
    "grad_norm",
    "mismatch_weight",
    "mismatch_cut",
)
"""What a round reports of its optimizer steps, as means over those taken; some exist under some settings only."""


def measure_round(
    rollouts: list[Rollout],
    verdicts: list[dict[str, Any]],
    update: dict[str, Any],
    settled: SampledRound,
    weights: Mapping[str, float],
    size: RoundSize,
    texts: TokenTexts,
) -> dict[str, Any]:
    """All that is reported of one round; data/README.md has the keys and their units.

    Args:
        update: what `stages/update.py` wrote of its steps.
        settled: what was settled when the round was sampled.
        weights: of the reward's parts.
        size: of the round, as it was asked for.
        texts: of the policy's tokens.
    """
    controller = settled.controller
    controlled = {"controller_temperature": controller["temperature"]} if controller else {}
    refilled = refill_metrics(rollouts, verdicts, size) if size.refill else {}
    first = update["steps_before"] + 1
    return {
        "round": round_metrics(rollouts, verdicts, update["steps"])
        | group_outcomes(rollouts, verdicts)
        | controlled
        | refilled,
        "steps": [{"step": first + index, **metrics} for index, metrics in enumerate(update["steps"])],
        "reward_parts": reward_parts(verdicts, weights),
        "temperatures": temperature_shares(rollouts, verdicts),
        "profile": temperature_profile(rollouts),
        "entropy": entropy_histogram(rollouts, settled.threshold),
        "mismatch": update["mismatch"],
        "strip": token_strip(rollouts, verdicts, texts),
    }


def round_metrics(
    rollouts: list[Rollout], verdicts: list[dict[str, Any]], steps: list[dict[str, float]]
) -> dict[str, Any]:
    """Means over a round's responses, over its tokens, and over its optimizer steps; verdicts as counts.

    `entropy` is that of the untempered next-token distributions during sampling, in nats a token.
    """
    lengths = [len(rollout.response_ids) for rollout in rollouts]
    temperatures = np.concatenate([rollout.temperatures for rollout in rollouts])
    trained = [step for step in steps if "loss" in step]
    return {
        "reward": float(np.mean([row["reward"] for row in verdicts])),
        "accuracy": float(np.mean([row["verdict"] == "correct" for row in verdicts])),
        "verdicts": dict(sorted(Counter(row["verdict"] for row in verdicts).items())),
        "responses": len(rollouts),
        "tokens": sum(lengths),
        "response_tokens": float(np.mean(lengths)),
        "overlong": float(np.mean([rollout.finish_reason == "length" for rollout in rollouts])),
        "entropy": float(np.mean(np.concatenate([rollout.entropies for rollout in rollouts]))),
        "temperature_mean": float(temperatures.mean()),
        "temperature_min": float(temperatures.min()),
        "temperature_max": float(temperatures.max()),
        "groups_dropped": int(sum(step["groups_dropped"] for step in steps)),
        "steps_taken": len(trained),
        **{key: float(np.mean([step[key] for step in trained])) for key in STEP_MEANS if trained and key in trained[0]},
    }


def entropy_histogram(rollouts: list[Rollout], threshold: float | None) -> dict[str, Any]:
    """Counts of the tokens' untempered entropies (nats), and the share at or above the round's threshold."""
    entropies = np.concatenate([rollout.entropies for rollout in rollouts]).astype(np.float32)
    counts, _ = np.histogram(np.minimum(entropies, HISTOGRAM_EDGES[-1]), HISTOGRAM_EDGES)
    hot = None if threshold is None else float((entropies >= np.float32(threshold)).mean())
    return {"edges": HISTOGRAM_EDGES.tolist(), "counts": counts.tolist(), "threshold": threshold, "hot_share": hot}


def temperature_profile(rollouts: list[Rollout]) -> dict[str, Any]:
    """How the sampling temperatures of a round go with the tokens' untempered entropies, and with their positions.

    Each part has the `edges` of bins, of which the last holds all beyond it, and by bin the `mean`, `low` and `high`
    temperature of its tokens, null where there are none.
    """
    temperatures = np.concatenate([rollout.temperatures for rollout in rollouts])
    entropies = np.concatenate([rollout.entropies for rollout in rollouts])
    positions = np.concatenate([np.arange(len(rollout.temperatures)) for rollout in rollouts])
    width = max(1, -(-int(positions.max() + 1) // _POSITION_BINS))
    position_edges = np.arange(0, int(positions.max()) + 1 + width, width)
    return {
        "entropy": _by_bin(temperatures, entropies, HISTOGRAM_EDGES),
        "position": _by_bin(temperatures, positions, position_edges),
    }


def _by_bin(temperatures: np.ndarray, values: np.ndarray, edges: np.ndarray) -> dict[str, Any]:
    bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    inside = [temperatures[bins == number] for number in range(len(edges) - 1)]
    return {
        "edges": edges.tolist(),
        "mean": [float(found.mean()) if len(found) else None for found in inside],
        "low": [float(found.min()) if len(found) else None for found in inside],
        "high": [float(found.max()) if len(found) else None for found in inside],
    }
