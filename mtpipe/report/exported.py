"""The study's numbers for other programs: report/tables.json and report/metrics.json."""

from dataclasses import asdict
from typing import Any

from mtpipe.params import Params
from mtpipe.report.collect import Study
from mtpipe.report.comparison import Comparison


def as_json(comparison: Comparison, params: Params) -> dict[str, Any]:
    """report/tables.json: the numbers of the tables, unrounded, as shares of 1."""
    return {
        "unit": "share of responses or problems, 0 to 1; length in tokens",
        "rounds": params.evaluate.after[-1],
        "seeds": params.seeds,
        "baseline": params.report.baseline,
        "interval": {
            "confidence": params.report.confidence,
            "method": "Howe's, with a t quantile for seeds and one for problems; one seed: over problems alone",
        },
        "test": {
            "method": "the interval's p-value"
            if len(params.seeds) > 1
            else "paired, two-sided sign flips over problems",
            "adjusted": "Holm, over every arm but the baseline and every benchmark",
        },
        **asdict(comparison),
    }


def summary_metrics(comparison: Comparison, study: Study) -> dict[str, dict[str, float]]:
    """report/metrics.json, for `dvc metrics`: avg@k by benchmark, and the last round's reward and entropy (nats)."""
    metrics = {"warm_start": {benchmark: score.avg.mean for benchmark, score in comparison.warm_start.items()}}
    for arm, scores in comparison.arms.items():
        updates = study.over_seeds(arm, study.last_round)
        metrics[arm] = {
            **{benchmark: score.avg.mean for benchmark, score in scores.items()},
            **{key: sum(update[key] for update in updates) / len(updates) for key in ("reward", "entropy")},
        }
    return {policy: {key: round(value, 4) for key, value in values.items()} for policy, values in metrics.items()}
