"""The first screen's table, the lead by round and the tables of problems, against the rows of a made-up study."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from builders import write_params

from benchmarks.synthetic_study import write_study
from mtpipe import paths
from mtpipe.files import read_json, write_json
from mtpipe.params import load_params
from mtpipe.records import EVALUATION, read_rows
from mtpipe.report.benchmark_names import spoken
from mtpipe.report.collect import collect
from mtpipe.report.comparison import compare
from mtpipe.report.glance import glance_table, how_sure
from mtpipe.report.problem_tables import problem_table, solved_table
from mtpipe.report.trade_offs import mean_temperature

PROBLEMS, SEEDS = 30, (1, 2)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three arms with two seeds after two rounds; `spread` samples twice the tokens, hotter in its second round."""
    with pytest.MonkeyPatch.context() as patch:  # up to the module's last test
        patch.chdir(tmp_path_factory.mktemp("glance"))
        changes = {"arms": ["uniform", "token", "spread"], "seeds": list(SEEDS), "rounds": 2, "report.resamples": 200}
        write_params(changes | {"evaluate.after": [1, 2]})
        write_study(load_params(), PROBLEMS, {"token": 0.2, "spread": -0.2})
        for seed in SEEDS:
            for round, tokens, heat in ((0, 1000, 1.0), (1, 3000, 1.4)):
                metrics = read_json(paths.round_metrics("spread", seed, round))
                metrics["round"] |= {"tokens": tokens, "temperature_mean": heat}
                write_json(paths.round_metrics("spread", seed, round), metrics)
        study = collect(load_params())
        yield study, compare(study)


def shares(arm: str, benchmark: str, after: int = 2) -> np.ndarray:
    """Each problem's share of correct responses over both seeds, straight from the rows."""
    found = []
    for seed in SEEDS:
        rows = [
            one for one in read_rows(paths.evaluation(arm, seed, after), EVALUATION) if one["benchmark"] == benchmark
        ]
        found.append(np.array([row["correct"] for row in rows], dtype=float).reshape(PROBLEMS, -1).mean(axis=1))
    return np.mean(found, axis=0)


@pytest.mark.slow
def test_the_first_table_has_the_best_arm_first_and_says_how_sure_and_at_what_cost(made):
    study, comparison = made
    ((_, rows),) = glance_table(study, comparison).groups
    assert [arm for arm, _ in rows] == ["token", "uniform", "spread"]
    cells = dict(rows)
    assert cells["uniform"][2].text == "baseline"
    spent = {
        arm: sum(study.updates[arm, seed, round]["tokens"] for seed in SEEDS for round in (0, 1))
        for arm in ("uniform", "spread")
    }
    assert cells["spread"][4].text == f"× {spent['spread'] / spent['uniform']:.3f}"
    assert cells["token"][0].order == pytest.approx(shares("token", "same").mean())
    weak = comparison.arms["token"]["same"].minus_baseline.weak
    assert ("would be found reliably" in cells["token"][2].text) == weak


def test_a_p_value_on_the_first_screen_is_said_to_be_corrected():
    found = SimpleNamespace(holds=True, policies_differ=True, adjusted=0.012, p_value=0.001, weak=False)
    assert how_sure(found) == "holds, corrected p = 0.012"
    found.holds = False
    assert how_sure(found) == "these two policies differ, corrected p = 0.012"


def test_the_mean_temperature_is_that_of_the_tokens_not_of_the_rounds(made):
    assert mean_temperature(made[0], "spread") == pytest.approx((1000 * 1.0 + 3000 * 1.4) / 4000)


def test_the_lead_of_each_round_is_paired_with_the_baselines_of_that_round(made):
    _, comparison = made
    assert comparison.lead.keys() == {"token", "spread"}
    for benchmark, lead in comparison.lead["token"].items():
        assert lead[2] == comparison.arms["token"][benchmark].minus_baseline.estimate
        expected = (shares("token", benchmark, 1) - shares("uniform", benchmark, 1)).mean()
        assert lead[1].mean == pytest.approx(expected)


def test_problems_are_counted_by_who_solves_them_more_often_and_who_alone(made):
    here, there = shares("token", "longer"), shares("uniform", "longer")
    groups = dict(solved_table(made[0]).groups)
    found = [int(cell.text) for cell in dict(groups["longer problems"])["token"]]
    assert found == [
        np.sum(here > there),
        np.sum(here < there),
        np.sum((here > 0) & (there == 0)),
        np.sum((here == 0) & (there > 0)),
    ]


def test_the_problems_that_differ_most_are_listed_with_links_to_both_arms_responses(made):
    rows = dict(problem_table(made[0]).groups)["token"]
    differences = [cells[2].order for _, cells in rows]
    assert len(rows) == 8
    every = np.concatenate([shares("token", name) - shares("uniform", name) for name in ("same", "longer", "larger")])
    assert differences[0] == pytest.approx(every.max())
    assert differences[-1] == pytest.approx(every.min())
    problem, (baseline, arm, *_) = rows[0]
    assert re.fullmatch(r"viewer/uniform-seed1-after2\.html#\w+%2F\d+", baseline.link)
    assert arm.link == f"viewer/token-seed1-after2.html#{problem.replace('/', '%2F')}"


def test_benchmarks_have_names_for_sentences(made):
    assert [spoken(made[0], name) for name in made[0].benchmarks] == [
        "problems as in training",
        "longer problems",
        "problems with larger numbers",
    ]
