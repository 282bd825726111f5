"""The paired differences to the baseline, tested as one family."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtpipe.settings.outputs import Report
from mtpipe.statistics.intervals import Estimate, p_values
from mtpipe.statistics.paired_tests import holm, sign_flip_p_values
from mtpipe.statistics.power import seeds_needed, smallest_detectable

Key = tuple[str, str]
"""An arm and a benchmark."""


@dataclass(frozen=True)
class Difference:
    """An arm minus the baseline.

    With several seeds the test is of two methods, over seeds and problems; with one seed it is of two policies, by
    sign flips over problems. `adjusted` is Holm's p-value over all arms and benchmarks of the study.

    Attributes:
        holds: the methods differ: several seeds, and `adjusted` is at most 1 - confidence.
        policies_differ: the same of the two policies; one seed.
        detectable: the smallest true difference that this study marks with a chance of 80 %, after Bonferroni's
            correction, which Holm's starts with; of two policies, if there is one seed.
        seeds_needed: with how many seeds the difference shown would be marked with that chance, if it is the true one;
            None above 1000. With one seed a lower bound, because the spread between training runs is unknown.
    """

    estimate: Estimate
    p_value: float
    adjusted: float
    holds: bool
    policies_differ: bool
    detectable: float
    seeds_needed: int | None

    @property
    def weak(self) -> bool:
        """Whether the study could not reliably have marked a difference as small as the one it shows."""
        return self.detectable > abs(self.estimate.mean)


def judge_differences(
    tables: Mapping[Key, NDArray[np.float64]], estimates: Mapping[Key, Estimate], report: Report
) -> dict[Key, Difference]:
    """Every arm against the baseline on every benchmark: one family for Holm's correction.

    Args:
        tables: each difference by seed and problem, [seeds, problems].
        estimates: their means.
    """
    if not tables:
        return {}
    alpha = 1 - report.confidence
    several = next(iter(estimates.values())).seeds > 1
    found = [
        float(p_values([estimates[key]])[0] if several else sign_flip_p_values(table, report.resamples)[0])
        for key, table in tables.items()
    ]
    adjusted = holm(np.array(found)).tolist()
    corrected = alpha / len(tables)
    return {
        key: Difference(
            estimate=estimates[key],
            p_value=p_value,
            adjusted=after_holm,
            holds=several and after_holm <= alpha,
            policies_differ=not several and after_holm <= alpha,
            detectable=smallest_detectable(estimates[key], corrected),
            seeds_needed=seeds_needed(estimates[key], corrected),
        )
        for key, p_value, after_holm in zip(tables, found, adjusted, strict=True)
    }
