"""`python -m mtpipe contrast` and the file of scores that it and `compare` read."""

import re
from pathlib import Path

import numpy as np
import pytest

from mtpipe.errors import MtpipeError
from mtpipe.report.contrasts import contrast_arms
from mtpipe.report.kept_scores import read_scores, write_scores, write_scores_under
from mtpipe.report.versions import as_text, compare_versions
from mtpipe.settings.outputs import Report
from mtpipe.statistics.intervals import estimate_means, p_values
from mtpipe.statistics.paired_tests import holm

SEEDS, PROBLEMS, SAMPLES = 5, 40, 4
CHANCES = {"uniform": 0.4, "token": 0.6, "hot": 0.45}


@pytest.fixture
def counts():
    draw = np.random.default_rng(0)
    return {arm: draw.binomial(SAMPLES, chance, (SEEDS, PROBLEMS)) for arm, chance in CHANCES.items()}


@pytest.fixture
def file(tmp_path, counts):
    scores = {
        (arm, "same"): {
            2: {1: {f"same-{problem}": 0.0 for problem in range(PROBLEMS)}},
            5: {
                seed + 1: {f"same-{problem}": right / SAMPLES for problem, right in enumerate(row)}
                for seed, row in enumerate(table.tolist())
            },
        }
        for arm, table in counts.items()
    }
    write_scores(tmp_path / "scores.json", scores)
    assert read_scores(tmp_path / "scores.json") == scores
    return str(tmp_path / "scores.json")


def row(said: str, start: str) -> list[str]:
    return re.split(r"  +", next(line for line in said.splitlines() if line.startswith(start)))


def test_the_family_is_the_contrasts_that_are_named_and_their_numbers_are_the_reports(file, counts):
    named = [("token", "uniform"), ("token", "hot")]
    said = contrast_arms(file, [":".join(pair) for pair in named], ["same"], Report())
    values = np.array([(counts[arm] - counts[other]) / SAMPLES for arm, other in named])
    estimates = estimate_means(values, 0.95)
    p = p_values(estimates)
    for (arm, other), one, raw, corrected in zip(named, estimates, p, holm(p), strict=True):
        cells = row(said, f"{arm} − {other}")
        assert cells[4].startswith(f"{100 * one.mean:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}]")
        assert cells[5:7] == [f"{raw:.4f}", f"{corrected:.4f}"]
    means = counts["hot"].mean(axis=1) / SAMPLES
    assert row(said, "hot")[4] == f"{100 * means.std(ddof=1):.1f}"


def test_a_file_of_scores_is_a_version_for_compare(file):
    said = as_text("a", "b", compare_versions(file, file, Report()), Report())
    assert row(said, "token")[4].startswith("0.0")


def test_what_is_not_there_is_named_with_what_is(file, tmp_path):
    with pytest.raises(MtpipeError, match="no arm 'cold'; there are hot, token and uniform"):
        contrast_arms(file, ["cold:hot"], [], Report())
    with pytest.raises(MtpipeError, match="no benchmark 'longer'; there are same"):
        contrast_arms(file, [], ["longer"], Report())
    (tmp_path / "other.json").write_text('{"same": 3}')
    with pytest.raises(MtpipeError, match="holds no scores"):
        read_scores(tmp_path / "other.json")


def test_scores_that_a_digit_cannot_hold_or_of_other_problems_are_refused(tmp_path):
    with pytest.raises(MtpipeError, match="same has more samples a problem than 9"):
        write_scores(tmp_path / "a.json", {("uniform", "same"): {5: {1: {"p": 3 / 16}}}})
    with pytest.raises(MtpipeError, match="uniform/5/2 answered other problems of same than uniform/5/1"):
        write_scores(tmp_path / "a.json", {("uniform", "same"): {5: {1: {"p": 0.5}, 2: {"q": 0.5}}}})


def test_studies_share_a_file_under_their_names_and_a_later_one_takes_its_own_place(tmp_path, file):
    shared = tmp_path / "shared.json"
    scores = read_scores(Path(file))
    for name in ("soft", "soft-2", "soft"):
        write_scores_under(shared, name, scores)
    assert read_scores(shared) == {
        (f"{name}/{arm}", benchmark): found for (arm, benchmark), found in scores.items() for name in ("soft", "soft-2")
    }
    fewer = {key: found for key, found in scores.items() if key[0] != "hot"}
    write_scores_under(shared, "soft", fewer)
    assert {arm for arm, _ in read_scores(shared)} == {
        "soft/uniform", "soft/token", "soft-2/uniform", "soft-2/token", "soft-2/hot"
    }  # fmt: skip
    said = contrast_arms(str(shared), ["soft/token:soft/uniform", "soft-2/token:soft-2/hot"], [], Report())
    assert row(said, "soft-2/token − soft-2/hot")
    in_each = contrast_arms(str(shared), ["token:uniform", "token:hot"], [], Report())
    named = ["soft-2/token:soft-2/uniform", "soft/token:soft/uniform", "soft-2/token:soft-2/hot"]
    assert in_each == contrast_arms(str(shared), named, [], Report())
    with pytest.raises(MtpipeError, match="no arm 'tokn'"):
        contrast_arms(str(shared), ["tokn:uniform"], [], Report())
    with pytest.raises(MtpipeError, match="without a slash; found 'a/b'"):
        write_scores_under(shared, "a/b", scores)


def test_studies_of_other_tasks_and_seeds_share_a_file_and_what_they_do_not_share_is_said(tmp_path, file):
    shared, scores = tmp_path / "shared.json", read_scores(Path(file))
    write_scores_under(shared, "sums", scores | {(arm, "longer"): scores[arm, "same"] for arm in CHANCES})
    write_scores_under(shared, "trees", scores | {(arm, "fewer"): scores[arm, "same"] for arm in ("uniform", "token")})
    later = {key: {5: {seed + 10: right for seed, right in found[5].items()}} for key, found in scores.items()}
    write_scores_under(shared, "later", later)
    said = contrast_arms(str(shared), ["token:uniform", "hot:uniform"], [], Report())
    family = [line.split()[:4] for line in said.splitlines() if " − " in line]
    assert sorted(f"{arm} {benchmark}" for arm, _, _, benchmark in family) == [
        "later/hot same", "later/token same", "sums/hot longer", "sums/hot same", "sums/token longer",
        "sums/token same", "trees/hot same", "trees/token fewer", "trees/token same",
    ]  # fmt: skip
    with pytest.raises(MtpipeError, match="trees/hot and trees/uniform have no scores on fewer in common"):
        contrast_arms(str(shared), ["trees/hot:trees/uniform"], ["fewer"], Report())
    with pytest.raises(MtpipeError, match="sums/hot − later/hot on same: the two have no seed in common"):
        contrast_arms(str(shared), ["sums/hot:later/hot"], [], Report())


@pytest.mark.parametrize("contrast", ["token", "token:", "token:token"])
def test_what_does_not_name_two_arms_is_refused(file, contrast):
    with pytest.raises(MtpipeError, match=f"'{contrast}' does not name two arms; expected ARM:OTHER"):
        contrast_arms(file, [contrast], [], Report())
