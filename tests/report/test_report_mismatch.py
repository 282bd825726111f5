"""The report's table of engine and update."""

from dataclasses import replace

import pytest

from mtpipe.report.mismatch import engine_differs, mismatch_by_arm


def row(by="all", low=None, high=None, tokens=10, mean=0.01, cut=0.0, responses=2):
    return {
        **{"by": by, "low": low, "high": high, "tokens": tokens, "mean": mean, "quantile": 5 * mean},
        **{"largest": 9 * mean, "k3": mean**2, "weight": 1 - cut, "cut": cut},
        **{"responses": responses, "responses_cut": cut / 2},
    }


@pytest.fixture
def study(params):
    from mtpipe.report.collect import Study

    params = params.model_copy(update={"arms": ["uniform", "token"], "seeds": [1, 2]})
    last = params.rounds[-1].n
    updates = {
        ("uniform", 1, last): {"mismatch": [row(tokens=10, mean=0.01)]},
        ("uniform", 2, last): {"mismatch": [row(tokens=30, mean=0.02)]},
        ("token", 1, last): {"mismatch": [row(), row("heat", 1.1, 1.2, cut=0.25), row("entropy", 2.0, None)]},
        ("token", 2, last): {"mismatch": []},
    }
    return Study(params, {}, {}, {}, updates, {}, [], [])


def test_seeds_are_joined_by_their_tokens(study):
    (arm, [(label, cells)]), _ = mismatch_by_arm(study).groups
    assert (arm, label) == ("uniform", "all")
    assert [cell.order for cell in cells[:4]] == pytest.approx([40, 0.0175, 0.1, 0.18])


def test_shares_of_responses_are_joined_by_the_responses(study):
    rows = [row(tokens=10, cut=0.8, responses=6), row(tokens=90, cut=0.0, responses=2)]
    updates = {key: {"mismatch": [rows[key[1] - 1]]} for key in study.updates}
    (_, [(_, cells)]), *_ = mismatch_by_arm(replace(study, updates=updates)).groups
    assert [cell.text for cell in cells[-2:]] == ["8.0", "30.0"]


def test_groups_say_what_they_are_and_how_much_of_them_is_cut(study):
    _, (_, rows) = mismatch_by_arm(study).groups
    assert [label for label, _ in rows] == ["all", "T from 1.1 to 1.2", "entropy from 2"]
    assert [cell.text for cell in rows[1][1][-2:]] == ["25.0", "12.5"]


def test_rounds_in_which_nothing_was_learned_have_no_table(study):
    empty = {key: {"mismatch": []} for key in study.updates}
    assert mismatch_by_arm(replace(study, updates=empty)) is None


def test_rounding_in_float32_is_nothing_to_look_at_and_a_correction_is(study):
    def differs(**found):
        return engine_differs(replace(study, updates={key: {"mismatch": [row(**found)]} for key in study.updates}))

    assert not differs(mean=1e-7)
    assert differs(mean=1e-3)
    assert differs(mean=1e-7, cut=0.1)
