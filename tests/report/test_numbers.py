"""The report's numbers against the rows of a made-up study's files, worked out once more by hand."""

import csv
import io
import json

import numpy as np
import pytest
from builders import write_params

from benchmarks.synthetic_study import write_study
from mtpipe import paths
from mtpipe.evaluate.judged import majority_votes
from mtpipe.files import read_json, write_json
from mtpipe.params import load_params
from mtpipe.records import EVALUATION, read_rows
from mtpipe.report.cells import Cell, Table, percent
from mtpipe.report.claims import difference_cell, equal_tokens_table
from mtpipe.report.collect import collect
from mtpipe.report.comparison import compare
from mtpipe.report.details import cost_table, temperature_table, verdicts_table
from mtpipe.report.exported import summary_metrics
from mtpipe.report.series import csv_by_arm, long_csv
from mtpipe.report.tables import results_table, seeds_table
from mtpipe.statistics.intervals import estimate_means

ARMS, SEEDS, PROBLEMS = ("uniform", "token", "spread"), (1, 2, 3), 30


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Study and comparison of three arms and seeds after two rounds whose metrics all differ."""
    folder = tmp_path_factory.mktemp("numbers")
    with pytest.MonkeyPatch.context() as patch:  # up to the module's last test
        patch.chdir(folder)
        changes = {"arms": list(ARMS), "seeds": list(SEEDS), "rounds": 2, "report.resamples": 200}
        evaluated = {"after": [1, 2], "sweep": [0.6, 0.9], "benchmarks": {"longer": {"temperature": 0.7}}}
        write_params(changes | {"evaluate": evaluated})
        write_study(load_params(), PROBLEMS, {"token": 0.1}, 0.05)
        for number, (arm, seed, round) in enumerate((a, s, r) for a in ARMS for s in SEEDS for r in (0, 1)):
            metrics = read_json(paths.round_metrics(arm, seed, round))
            metrics["round"] |= {"tokens": 1000 + 10 * number, "responses": 50 + number, "overlong": number / 100}
            metrics["steps"] = [{"trained_tokens": 7 * number + step} for step in (1, 2)]
            for place, entry in enumerate(metrics["temperatures"]):
                entry |= {"responses": 1 + number + place, "positive_advantage_share": (number + place) / 40}
                entry |= {"different_responses": (number + place) / 50, "different_answers": (number + place) / 60}
            write_json(paths.round_metrics(arm, seed, round), metrics)
        study = collect(load_params())
        yield study, compare(study)


def rows(path, benchmark: str) -> list[dict]:
    return [row for row in read_rows(path, EVALUATION) if row["benchmark"] == benchmark]


def grid(path, benchmark: str, column: str) -> np.ndarray:
    """A column by problem and response."""
    found = sorted(rows(path, benchmark), key=lambda row: (row["problem_id"], row["sample"]))
    return np.array([row[column] for row in found]).reshape(PROBLEMS, -1)


BENCHMARKS = ("same", "longer", "larger")


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", BENCHMARKS)
@pytest.mark.parametrize("arm", ARMS)
def test_a_score_is_that_of_its_rows(here, arm, benchmark):
    _, comparison = here
    score = comparison.arms[arm][benchmark]
    last = [grid(paths.evaluation(arm, seed, 2), benchmark, "correct") for seed in SEEDS]
    base = [grid(paths.evaluation("uniform", seed, 2), benchmark, "correct") for seed in SEEDS]
    start = grid(paths.WARM_START_EVALUATION, benchmark, "correct")
    shares = np.array([one.mean(1) for one in last])
    assert score.avg.mean == pytest.approx(shares.mean())
    assert score.by_seed == pytest.approx({seed: one.mean() for seed, one in zip(SEEDS, last, strict=True)})
    for k, estimate in score.passes.items():
        wrong = np.array([(~one).sum(1) for one in last])
        missed = np.prod([np.maximum(wrong - i, 0) / (last[0].shape[1] - i) for i in range(k)], axis=0)
        assert estimate.mean == pytest.approx(1 - missed.mean())
    for column, found in (("tokens", score.length), ("finish_reason", score.overlong)):
        values = [grid(paths.evaluation(arm, seed, 2), benchmark, column) for seed in SEEDS]
        values = values if column == "tokens" else [one == "length" for one in values]
        assert found == pytest.approx(np.mean([one.mean() for one in values]))
    votes = [
        majority_votes(*(grid(paths.evaluation(arm, seed, 2), benchmark, name) for name in ("answer", "verdict")))
        for seed in SEEDS
    ]
    assert score.majority.mean == pytest.approx(np.mean(votes))
    to_start = estimate_means((shares - start.mean(1))[None], 0.95)[0]
    assert score.minus_warm_start == pytest.approx(to_start)
    if arm != "uniform":
        to_base = estimate_means((shares - np.array([one.mean(1) for one in base]))[None], 0.95)[0]
        assert score.minus_baseline.estimate == pytest.approx(to_base)
    history = comparison.history[arm][benchmark]
    early = np.mean([grid(paths.evaluation(arm, seed, 1), benchmark, "correct").mean() for seed in SEEDS])
    assert {after: one.mean for after, one in history.items()} == pytest.approx(
        {0: start.mean(), 1: early, 2: shares.mean()}
    )
    own = 0.7 if benchmark == "longer" else 1.0
    swept = {
        value: np.mean([grid(paths.sweep(arm, seed, 2, value), benchmark, "correct").mean() for seed in SEEDS])
        for value in (0.6, 0.9)
    }
    assert {value: one.mean for value, one in comparison.sweep[arm][benchmark].items()} == pytest.approx(
        swept | {own: shares.mean()}
    )


def cells(table: Table, group: int, label: str) -> list[Cell]:
    return dict(table.groups[group][1])[label]


@pytest.mark.slow
def test_the_tables_show_their_own_numbers(here):
    study, comparison = here
    for number, benchmark in enumerate(BENCHMARKS):
        title = results_table(study, comparison).groups[number][0]
        assert f"at T = {0.7 if benchmark == 'longer' else 1:g}" in title
        for arm in ARMS:
            score = comparison.arms[arm][benchmark]
            avg, maj, gain, tokens, cut = cells(results_table(study, comparison), number, arm)
            assert (avg.order, maj.order) == (score.avg.mean, score.majority.mean)
            assert gain == difference_cell(score.minus_warm_start)
            assert (tokens.order, cut.order) == (score.length, score.overlong)
            by_seed = cells(seeds_table(study, comparison), number, arm)
            assert [cell.order for cell in by_seed] == [*score.by_seed.values(), score.between_seeds]


def update(arm: str, seed: int, round: int) -> dict:
    return read_json(paths.round_metrics(arm, seed, round))


def test_the_tables_of_tokens_temperatures_and_verdicts_add_up_their_own_rounds(here):
    study, comparison = here
    totals = {arm: sum(update(arm, s, r)["round"]["tokens"] for s in SEEDS for r in (0, 1)) for arm in ARMS}
    for arm in ARMS:
        every = [update(arm, seed, round) for seed in SEEDS for round in (0, 1)]
        responses = sum(one["round"]["responses"] for one in every)
        trained = sum(step["trained_tokens"] for one in every for step in one["steps"])
        cut = sum(one["round"]["overlong"] * one["round"]["responses"] for one in every) / responses
        found = [cell.order for cell in cells(cost_table(study), 0, arm)]
        assert found[:3] == [responses, totals[arm], trained]
        assert found[4:] == pytest.approx([totals[arm] / responses, cut])
        if arm != "uniform":
            [ratio, *_] = cells(equal_tokens_table(study, comparison), 0, arm)
            assert ratio.order == pytest.approx(totals[arm] / totals["uniform"])
        verdicts = verdicts_table(study)
        right = sum(update(arm, seed, 1)["round"]["verdicts"]["correct"] for seed in SEEDS)
        assert cells(verdicts, 0, arm)[verdicts.columns.index("correct")].order == right
    [(arm, shown)] = temperature_table(study).groups
    assert arm == "spread"
    last = [update("spread", seed, 1)["temperatures"] for seed in SEEDS]
    everything = sum(entry["responses"] for one in last for entry in one)
    for place, (_, (responses, reward, share, part, texts, answers)) in enumerate(shown):
        of_temperature = [one[place] for one in last]
        assert responses.order == sum(entry["responses"] for entry in of_temperature)
        assert reward.order == pytest.approx(np.mean([entry["reward"] for entry in of_temperature]))
        assert share.order == pytest.approx(np.mean([entry["positive_advantage_share"] for entry in of_temperature]))
        assert part.text == percent(responses.order / everything)
        for cell, key in ((texts, "different_responses"), (answers, "different_answers")):
            assert cell.order == pytest.approx(np.mean([entry[key] for entry in of_temperature]))
            assert cell.text == percent(cell.order)


def test_series_and_metrics_are_means_over_seeds_of_their_own_quantity_and_round(here):
    study, comparison = here
    for quantity in ("reward", "entropy"):
        long = list(csv.DictReader(io.StringIO(long_csv(study, quantity))))
        for row in long:
            of_round = update(row["arm"], int(row["seed"]), int(row["round"]))["round"]
            assert float(row[quantity]) == of_round[quantity]
        for row in csv.DictReader(io.StringIO(csv_by_arm(study, quantity))):
            for arm in ARMS:
                expected = np.mean([update(arm, seed, int(row["round"]))["round"][quantity] for seed in SEEDS])
                assert float(row[arm]) == pytest.approx(expected)
    metrics = json.loads(json.dumps(summary_metrics(comparison, study)))
    for arm in ARMS:
        for quantity in ("reward", "entropy"):
            expected = np.mean([update(arm, seed, 1)["round"][quantity] for seed in SEEDS])
            assert metrics[arm][quantity] == pytest.approx(expected, abs=1e-4)
        assert metrics[arm]["same"] == pytest.approx(comparison.arms[arm]["same"].avg.mean, abs=1e-4)
    assert metrics["warm_start"]["same"] == pytest.approx(
        grid(paths.WARM_START_EVALUATION, "same", "correct").mean(), abs=1e-4
    )
