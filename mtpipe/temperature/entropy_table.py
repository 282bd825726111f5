"""The quantiles of a round's entropies: the state of an entropy threshold, carried with the policy."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from mtpipe.errors import MtpipeError
from mtpipe.temperature.token_rule import ResolvedRule, ResolvedUniform

FILE_NAME = "entropy_quantiles.json"
POINTS = 1001


def write_entropy_table(policy: Path, entropies: ArrayLike) -> None:
    """Writes the quantiles at 0, 0.001, …, 1 of untempered token entropies (nats) into a policy folder."""
    quantiles = np.quantile(np.asarray(entropies, dtype=np.float64), np.linspace(0, 1, POINTS))
    (policy / FILE_NAME).write_text(json.dumps({"unit": "nats", "quantiles": quantiles.tolist()}) + "\n")


def round_threshold(rule: ResolvedRule, policy: Path) -> float | None:
    """The round's threshold in nats, or None where the rule has none.

    Raises MtpipeError where the rule wants a quantile and the policy folder has no entropies.
    """
    if isinstance(rule, ResolvedUniform):
        return None
    if rule.threshold.nats is not None:
        return rule.threshold.nats
    table = policy / FILE_NAME
    if not table.is_file():
        raise MtpipeError(f"{table} is missing: a quantile threshold needs the entropies of the round before")
    quantiles = json.loads(table.read_text())["quantiles"]
    return float(np.interp(rule.threshold.quantile or 0.0, np.linspace(0, 1, len(quantiles)), quantiles))
