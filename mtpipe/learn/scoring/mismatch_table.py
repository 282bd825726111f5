"""How far the update's log-probs lie from the engine's: by heat, by temperature and by entropy of the tokens."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENTROPY_EDGES = (0.0, 0.1, 0.5, 1.0, 2.0, np.inf)
"""Nats."""

LISTED = 8
"""So many distinct temperatures have a row each; more are put into as many bins of equal size."""

TokenValues = NDArray[np.floating[Any]]


def mismatch_table(
    log_weight: TokenValues,
    temperatures: TokenValues,
    entropies: TokenValues,
    weights: TokenValues | None = None,
    response: NDArray[np.int64] | None = None,
) -> list[dict[str, Any]]:
    """A row for all tokens, then rows for cold and hot ones, by temperature and by entropy; none for an empty group.

    Hot is above the middle between the lowest and the highest temperature; if there is one alone, there is neither.

    Args:
        log_weight: log w, the update's log-prob less the engine's [tokens].
        temperatures: what the logits were divided by [tokens].
        entropies: of the untempered distributions, nats [tokens].
        weights: what the loss was multiplied by [tokens]; None: 1.
        response: the number of the response that a token belongs to, from 0 [tokens]; with `weights`.

    Returns:
        rows with `by` (all, heat, temperature or entropy), the group's `low` and `high`, `tokens`, the `mean`, the
        99.9 % `quantile` and the `largest` of |log w| in nats, `k3` (w - 1 - log w, in the mean: an estimate of
        KL(engine || update)), the mean `weight`, the share `cut`, whose weight is 0, the
        number of `responses` with a token in the group, 1 if they are not told apart, and the share of these that
        teach nothing at all, `responses_cut`.
    """
    weights = np.ones(len(log_weight)) if weights is None else weights
    response = np.zeros(len(log_weight), dtype=np.int64) if response is None else response
    silent = np.bincount(response, weights != 0) == 0
    everywhere = ("all", None, None, np.ones(len(log_weight), dtype=bool))
    rows = []
    for by, low, high, inside in [everywhere, *_groups(temperatures, entropies)]:
        if inside.any():
            row = _row(by, low, high, log_weight[inside], weights[inside])
            whole = silent[np.unique(response[inside])]
            rows.append(row | {"responses": len(whole), "responses_cut": float(whole.mean())})
    return rows


def _groups(
    temperatures: TokenValues, entropies: TokenValues
) -> list[tuple[str, float, float | None, NDArray[np.bool_]]]:
    groups: list[tuple[str, float, float | None, NDArray[np.bool_]]] = []
    distinct = np.unique(temperatures)
    if len(distinct) > 1:
        middle = float(distinct[0] + distinct[-1]) / 2
        hot = temperatures > middle
        groups += [("heat", float(distinct[0]), middle, ~hot), ("heat", middle, float(distinct[-1]), hot)]
    if len(distinct) <= LISTED:
        groups += [("temperature", float(value), float(value), temperatures == value) for value in distinct]
    else:
        edges = np.unique(np.quantile(temperatures, np.linspace(0, 1, LISTED + 1)))
        bins = np.clip(np.searchsorted(edges, temperatures, side="right") - 1, 0, len(edges) - 2)
        groups += [
            ("temperature", float(low), float(high), bins == index) for index, (low, high) in enumerate(pairwise(edges))
        ]
    groups += [
        ("entropy", low, None if np.isinf(high) else high, (entropies >= low) & (entropies < high))
        for low, high in pairwise(ENTROPY_EDGES)
    ]
    return groups


def _row(
    by: str, low: float | None, high: float | None, log_weight: TokenValues, weights: TokenValues
) -> dict[str, Any]:
    values = log_weight.astype(np.float64)
    gap = np.abs(values)
    return {
        "by": by,
        "low": low,
        "high": high,
        "tokens": len(values),
        "mean": float(gap.mean()),
        "quantile": float(np.quantile(gap, 0.999)),
        "largest": float(gap.max()),
        "k3": float((np.expm1(values) - values).mean()),
        "weight": float(weights.mean()),
        "cut": float((weights == 0).mean()),
    }
