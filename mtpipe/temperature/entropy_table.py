"""The quantiles of a round's entropies: what a rule's quantiles are looked up in, carried with the policy."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from mtpipe.errors import MtpipeError
from mtpipe.files import bring_back, read_json

FILE_NAME = "entropy_quantiles.json"
POINTS = 1001


def write_entropy_table(policy: Path, entropies: ArrayLike) -> None:
    """Writes the quantiles at 0, 0.001, …, 1 of untempered token entropies (nats) into a policy folder."""
    quantiles = np.quantile(np.asarray(entropies, dtype=np.float64), np.linspace(0, 1, POINTS))
    (policy / FILE_NAME).write_text(json.dumps({"unit": "nats", "quantiles": quantiles.tolist()}) + "\n")


def entropy_at(policy: Path, quantile: float) -> float:
    """The entropy (nats) at a quantile of the round before.

    Raises MtpipeError if the policy folder has no entropies, or an unreadable file in their place.
    """
    table = policy / FILE_NAME
    if not table.is_file():
        raise MtpipeError(f"{table} is missing: a quantile threshold needs the entropies of the round before")
    found = read_json(table)
    quantiles = found.get("quantiles") if isinstance(found, dict) else None
    if not isinstance(quantiles, list) or len(quantiles) != POINTS:
        raise MtpipeError(f"{table} has no {POINTS} quantiles; {bring_back(policy)}")
    return float(np.interp(quantile, np.linspace(0, 1, POINTS), quantiles))
