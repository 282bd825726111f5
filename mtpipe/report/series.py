"""The numbers behind `dvc plots`: one CSV a quantity with a row for each arm, seed and round, and one by arm.

DVC's line template draws one line for each column it is given and cannot group the rows of a long table; so the second
form has the rounds as rows and the arms as columns, seeds averaged.
"""

import csv
import io

from mtpipe.report.collect import Study

QUANTITIES = {"reward": "reward", "entropy": "entropy", "temperature": "temperature_mean"}
"""A CSV file's name, and value column, by key of the update's round metrics (temperature: mean over sampled tokens)."""


def long_csv(study: Study, quantity: str) -> str:
    """Columns arm, seed, round and the quantity."""
    key = QUANTITIES[quantity]
    params = study.params
    return _csv(
        ["arm", "seed", "round", quantity],
        [
            [arm, seed, round.n, study.updates[arm, seed, round.n][key]]
            for arm in params.arms
            for seed in params.seeds
            for round in params.rounds
        ],
    )


def csv_by_arm(study: Study, quantity: str) -> str:
    """Columns round and one for each arm: the mean over seeds."""
    key = QUANTITIES[quantity]
    params = study.params
    return _csv(
        ["round", *params.arms],
        [
            [
                round.n,
                *(
                    sum(update[key] for update in study.over_seeds(arm, round.n)) / len(params.seeds)
                    for arm in params.arms
                ),
            ]
            for round in params.rounds
        ],
    )


def _csv(header: list[str], rows: list[list[object]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([header, *rows])
    return written.getvalue()
