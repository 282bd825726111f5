"""What the report claims of studies whose truth is known: about methods with several seeds, about policies with one."""

import statistics
from pathlib import Path

import numpy as np
import pytest
from builders import write_params

from benchmarks.synthetic_study import write_study
from mtpipe import paths
from mtpipe.files import read_json, write_json
from mtpipe.params import load_params
from mtpipe.records import EVALUATION, read_rows, write_rows
from mtpipe.report.claims import BETTER, OTHER_POLICY, WORSE, claim_table, verdict_sentences
from mtpipe.report.collect import Study, collect
from mtpipe.report.comparison import Comparison, compare
from mtpipe.report.differences import Difference, judge_differences
from mtpipe.report.equal_tokens import at_tokens
from mtpipe.report.page import render_markdown, render_page
from mtpipe.settings.outputs import Report
from mtpipe.statistics.intervals import estimate_means

pytestmark = pytest.mark.slow

PROBLEMS = 60
ROUNDS = [{"n": 0, "next": 1}, {"n": 1, "next": 2}]


def made_up(
    folder: Path, seeds: int, lift: dict[str, float] | None = None, between_runs: float = 0.0
) -> tuple[Study, Comparison]:
    """uniform, token and spread after two rounds; written into the current folder, which is `folder`."""
    changes = {"arms": ["uniform", "token", "spread"], "seeds": list(range(1, seeds + 1)), "rounds": ROUNDS}
    write_params(changes | {"evaluate.after": [1, 2], "report.resamples": 500}, folder / "params.yaml")
    params = load_params()
    write_study(params, PROBLEMS, lift, between_runs)
    study = collect(params)
    return study, compare(study)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(comparison: Comparison, arm: str) -> list[Difference]:
    return [score.minus_baseline for score in comparison.arms[arm].values()]


def marks(study: Study, comparison: Comparison, arm: str) -> list[str]:
    """The marks of an arm's row in the first table, by benchmark."""
    (_, rows), *_ = claim_table(study, comparison).groups
    return [cell.mark for cell in dict(rows)[arm]]


def shares(arm: str, seed: int, benchmark: str) -> np.ndarray:
    """Each problem's share of correct responses, straight from the evaluation's rows."""
    rows = [row for row in read_rows(paths.evaluation(arm, seed, 2), EVALUATION) if row["benchmark"] == benchmark]
    return np.array([row["correct"] for row in rows], dtype=float).reshape(PROBLEMS, -1).mean(axis=1)


def test_one_seed_marks_policies_and_claims_nothing_about_methods(here):
    study, comparison = made_up(here, 1, {"token": 0.15})
    assert not any(one.holds for arm in ("token", "spread") for one in found(comparison, arm))
    assert all(one.policies_differ for one in found(comparison, "token"))
    assert not any(one.policies_differ for one in found(comparison, "spread"))
    assert not set(BETTER + WORSE) & set(render_markdown(study, comparison))
    assert marks(study, comparison, "token") == [OTHER_POLICY] * 3
    assert marks(study, comparison, "spread") == [""] * 3
    assert "One seed" in verdict_sentences(study, comparison)[0]


def test_so_does_the_page_of_one_seed(here):
    page = render_page(*made_up(here, 1, {"token": 0.15}))
    assert not set(BETTER + WORSE) & set(page.partition("<body>")[2])
    assert "one-seed" in page


def test_several_seeds_mark_methods(here):
    study, comparison = made_up(here, 6, {"token": 0.15, "spread": -0.1}, between_runs=0.02)
    assert all(one.holds and one.estimate.seeds == 6 for one in found(comparison, "token"))
    assert not any(one.policies_differ for arm in ("token", "spread") for one in found(comparison, arm))
    assert marks(study, comparison, "token") == [BETTER] * 3
    assert marks(study, comparison, "spread") == [WORSE] * 3
    markdown = render_markdown(study, comparison)
    assert OTHER_POLICY not in markdown
    assert "One seed" not in markdown


def test_what_one_pair_of_runs_shows_is_no_claim_where_runs_of_one_arm_differ_as_much(here):
    """Every run of token and spread is 20 points up or down by chance: two of three pairs of policies differ."""
    _, single = made_up(here, 1, between_runs=0.2)
    assert any(one.policies_differ for arm in ("token", "spread") for one in found(single, arm))
    _, several = made_up(here, 5, between_runs=0.2)
    assert not any(one.holds for arm in ("token", "spread") for one in found(several, arm))


def test_differences_are_paired_by_seed_and_problem(here):
    _, comparison = made_up(here, 3, between_runs=0.05)
    for benchmark, score in comparison.arms["token"].items():
        table = np.array([shares("token", s, benchmark) - shares("uniform", s, benchmark) for s in (1, 2, 3)])
        assert score.minus_baseline.estimate == pytest.approx(estimate_means(table[None], 0.95)[0])


def test_the_warm_start_is_one_policy_however_many_seeds_are_compared_with_it(here):
    (_, one), (_, four) = made_up(here, 1), made_up(here, 4)
    assert four.warm_start["same"].avg == one.warm_start["same"].avg
    assert four.warm_start["same"].avg.seeds == 1
    assert four.warm_start["same"].between_seeds is None
    difference = four.arms["token"]["same"].minus_warm_start
    rows = [row for row in read_rows(paths.WARM_START_EVALUATION, EVALUATION) if row["benchmark"] == "same"]
    warm_start = np.array([row["correct"] for row in rows], dtype=float).reshape(PROBLEMS, -1).mean(axis=1)
    table = np.array([shares("token", seed, "same") for seed in (1, 2, 3, 4)]) - warm_start
    assert difference == pytest.approx(estimate_means(table[None], 0.95)[0])
    own_noise = np.std(warm_start) / PROBLEMS**0.5 / 2
    assert difference.error > own_noise, "four seeds do not make the warm start's answers more certain"


def test_the_noise_floor_is_the_spread_of_the_baselines_seeds(here):
    study, comparison = made_up(here, 4, between_runs=0.05)
    score = comparison.arms["uniform"]["longer"]
    spread = statistics.stdev(shares("uniform", seed, "longer").mean() for seed in (1, 2, 3, 4))
    assert score.between_seeds == pytest.approx(spread)
    markdown = render_markdown(study, comparison)
    tests = markdown.partition("## Tests")[2].partition("\n## ")[0]
    longer = [line for line in tests.splitlines() if line.startswith("| longer")]
    assert len(longer) == 2
    assert all(f"± {100 * spread:.1f} " in line for line in longer)
    _, single = made_up(here, 1)
    assert single.arms["uniform"]["longer"].between_seeds is None


def test_the_page_warns_of_differences_below_what_it_could_detect(here):
    study, comparison = made_up(here, 4, {"token": 0.2, "spread": 0.021}, between_runs=0.02)
    every = found(comparison, "token") + found(comparison, "spread")
    weak = [one for one in every if one.weak]
    assert 0 < len(weak) < len(every)
    assert all(one.detectable > abs(one.estimate.mean) for one in weak)
    assert f"{len(weak)} of 6 comparisons show" in " ".join(verdict_sentences(study, comparison))
    assert render_markdown(study, comparison).count(" ! |") == len(weak)


def test_the_page_says_how_many_seeds_would_mark_what_it_shows(here):
    study, comparison = made_up(here, 4, {"token": 0.06}, between_runs=0.05)
    needed = [one.seeds_needed for arm in ("token", "spread") for one in found(comparison, arm)]
    within_ten = sum(number is not None and number <= 10 for number in needed)
    assert 0 < within_ten < 6
    assert f"10 seeds {within_ten}" in " ".join(verdict_sentences(study, comparison)).replace("would mark ", "")


@pytest.mark.parametrize("seeds", [1, 8])
def test_what_is_clear_alone_is_not_marked_among_many_that_are_nothing(seeds):
    """p is about 0.02: within 0.05 alone, and not after the correction for eleven others."""
    rng = np.random.default_rng(0)
    tables = {(str(n), "same"): rng.normal(0, 1, (seeds, 400)) for n in range(11)}
    clear = rng.normal(0, 1, (seeds, 400))
    clear += rng.normal(0, 0.05, (seeds, 1)) * (seeds > 1)
    error = estimate_means(clear[None], 0.95)[0].error
    tables["clear", "same"] = clear - clear.mean() + (2.35 if seeds == 1 else 2.9) * error
    estimates = {key: estimate_means(table[None], 0.95)[0] for key, table in tables.items()}
    report = Report(resamples=4000)
    alone = judge_differences({("clear", "same"): tables["clear", "same"]}, estimates, report)["clear", "same"]
    assert alone.p_value < 0.05
    assert alone.holds == (seeds > 1)
    assert alone.policies_differ == (seeds == 1)
    among = judge_differences(tables, estimates, report)["clear", "same"]
    assert among.p_value == alone.p_value
    assert among.adjusted > 0.05
    assert not among.holds
    assert not among.policies_differ
    assert among.detectable > alone.detectable
    assert (among.seeds_needed or 1001) > (alone.seeds_needed or 1001)


def test_no_interval_of_a_share_leaves_0_to_1(here):
    """All but every problem is solved, by three runs that differ: Student's interval would go beyond 1."""
    _, comparison = made_up(here, 3, {"uniform": 0.45, "token": -0.3}, between_runs=0.05)
    ends = [
        (estimate.low, estimate.high)
        for score in (*comparison.arms["uniform"].values(), *comparison.arms["token"].values())
        for estimate in (score.avg, score.majority, *score.passes.values())
    ]
    assert min(low for low, _ in ends) == 0
    assert max(high for _, high in ends) == 1


# ---- at equal tokens ----


def test_shares_at_a_number_of_tokens_lie_on_straight_lines_between_the_evaluated_policies():
    curve = np.array([[[0.0, 0.2]], [[0.4, 0.2]], [[1.0, 0.8]]])
    tokens = np.array([[0.0], [100.0], [300.0]])
    for budget, expected in [(0, [0, 0.2]), (50, [0.2, 0.2]), (100, [0.4, 0.2]), (200, [0.7, 0.5]), (300, [1.0, 0.8])]:
        assert at_tokens(curve, tokens, np.array([budget]))[0] == pytest.approx(expected)


def test_an_arm_that_samples_twice_the_tokens_is_compared_where_the_baseline_ended(here):
    """Its second round costs nothing more than its first, so the baseline's total is what its first round took."""
    study, comparison = made_up(here, 2, {"token": 0.1})
    same_tokens = comparison.arms["token"]["same"]
    for seed in (1, 2):
        for round in (0, 1):
            metrics = read_json(paths.round_metrics("token", seed, round))
            metrics["round"]["tokens"] *= 2
            write_json(paths.round_metrics("token", seed, round), metrics)
    twice = compare(collect(study.params)).arms["token"]["same"]
    assert same_tokens.at_equal_tokens == pytest.approx(same_tokens.minus_baseline.estimate)
    assert twice.minus_baseline == same_tokens.minus_baseline
    earlier = {1: [], 2: []}
    for seed in earlier:
        rows = [row for row in read_rows(paths.evaluation("token", seed, 1), EVALUATION) if row["benchmark"] == "same"]
        earlier[seed] = np.array([row["correct"] for row in rows], dtype=float)
    expected = np.mean([earlier[seed].mean() - shares("uniform", seed, "same").mean() for seed in (1, 2)])
    assert twice.at_equal_tokens.mean == pytest.approx(expected)


def test_an_arm_that_no_problem_tells_from_the_baseline_has_a_p_value_of_1(here):
    _, comparison = made_up(here, 3)
    for seed in (1, 2, 3):
        write_rows(
            paths.evaluation("spread", seed, 2), read_rows(paths.evaluation("uniform", seed, 2), EVALUATION), EVALUATION
        )
    comparison = compare(collect(load_params()))
    assert {one.p_value for one in found(comparison, "spread")} == {1.0}
    assert {one.seeds_needed for one in found(comparison, "spread")} == {None}
