"""Rounds with dynamic sampling through the real stages: whatever samples them, they draw and keep the same groups."""

import shutil
from pathlib import Path

import pytest
from builders import edit_params, run_stage
from chains import GROUP, LIMIT, SEED
from own_classes import write_class

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json
from mtpipe.learn.batching.groups import join_groups, keep_groups
from mtpipe.records import PROBLEMS, VERDICTS, Rollout, read_rollouts, read_rows
from mtpipe.run.stage_plan import settings_for
from mtpipe.sampling.refill import count_differing, judge_of
from mtpipe.sampling.rounds import draw_problems
from mtpipe.sampling.torch_engine import TorchEngine
from stages import measure, plan, rollout, start, update, verify

pytestmark = pytest.mark.slow

PROMPTS, AT_MOST = 4, 4
RUN = ("uniform", SEED, 0)
PART = """
def rare(problem, responses):
    return [float(sum(response.tokens) % 5 == 0) for response in responses]
"""


@pytest.fixture(scope="module")
def sampled(prepared, tmp_path_factory) -> Path:
    """A run's first round; some groups differ by a part of one's own, and cut responses teach nothing."""
    folder = tmp_path_factory.mktemp("sampled") / "project"
    shutil.copytree(prepared, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        sample_a_round()
    return folder


@pytest.fixture
def refilled(sampled, tmp_path, monkeypatch) -> Path:
    """A copy of that project as the working directory."""
    folder = tmp_path / "refilled"
    shutil.copytree(sampled, folder)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    return folder


def sample_a_round() -> None:
    write_class("mine", PART)
    edit_params(
        {
            "arms": ["uniform"],
            "rounds": 1,
            "sampling": {"prompts": PROMPTS, "refill": {"until": "prompts", "at_most": AT_MOST}, "batch_size": 11},
            "reward": {"format": 0.0, "overlong_buffer": 0, "overlong": "drop", "parts": {"plugins.mine.rare": 0.5}},
        }
    )
    plan.main()
    run_stage(start, "uniform", SEED)
    run_stage(rollout, *RUN)


def drawn(round: int = 0) -> list[Rollout]:
    return read_rollouts(paths.rollouts("uniform", SEED, round))


def names(rollouts: list[Rollout]) -> list[str]:
    return list(dict.fromkeys(one.problem_id for one in rollouts))


def block(round: int) -> list[str]:
    """All problems that a round may draw."""
    found = draw_problems(read_rows(paths.TRAIN, PROBLEMS), SEED, round, PROMPTS * AT_MOST)
    return [problem["problem_id"] for problem in found]


def differing() -> list[bool]:
    """For each drawn group, by the verdicts that the stage verify wrote, whether its unmasked rewards teach."""
    rows = read_rows(paths.verdicts(*RUN), VERDICTS)
    groups = [rows[start : start + GROUP] for start in range(0, len(rows), GROUP)]
    return [bool(count_differing(group)) for group in groups]


def test_a_round_draws_until_enough_groups_differ_and_the_update_gets_the_first_of_them(refilled):
    run_stage(verify, *RUN)
    rollouts, verdicts = drawn(), read_rows(paths.verdicts(*RUN), VERDICTS)
    assert PROMPTS < len(names(rollouts)) < PROMPTS * AT_MOST
    assert names(rollouts) == block(0)[: len(names(rollouts))]
    assert PROMPTS <= sum(differing()) < len(differing())
    kept = [one.problem_id for one in keep_groups(join_groups(rollouts, verdicts, GROUP), PROMPTS)]
    assert kept == [name for name, varied in zip(names(rollouts), differing(), strict=True) if varied][:PROMPTS]
    assert any(row["masked"] for row in verdicts)

    run_stage(update, *RUN)
    steps = read_json(paths.steps(*RUN))["steps"]
    assert [step["groups_dropped"] for step in steps] == [0] * (PROMPTS // 2)
    run_stage(measure, "uniform", SEED)
    found = read_json(paths.round_metrics(*RUN))["round"]
    assert (found["groups_drawn"], found["groups_kept"]) == (len(names(rollouts)), PROMPTS)
    assert found["groups_surplus"] == sum(differing()) - PROMPTS
    assert found["groups_uniform_wrong"] == differing().count(False)
    assert (found["groups_uniform_right"], found["groups_uniform_mixed"], found["refill_ended"]) == (0, 0, 0)
    assert found["tokens"] == sum(len(one.response_ids) for one in rollouts), "what is thrown away was paid for"
    assert found["tokens_discarded"] == sum(len(one.response_ids) for one in rollouts if one.problem_id not in kept)


def test_the_rollout_stage_judges_as_the_verify_stage_does(refilled):
    run_stage(verify, *RUN)
    problems, rollouts = read_rows(paths.TRAIN, PROBLEMS), drawn()
    judge = judge_of(settings_for(rollout.main)["refill"], LIMIT)
    rows = judge(problems, rollouts[::-1])
    written = read_rows(paths.verdicts(*RUN), VERDICTS)
    assert [row | {"parts": list(row["parts"].items())} for row in rows[::-1]] == written


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_a_round_is_the_same_in_batches_of_any_size_and_in_any_order(refilled, monkeypatch, batch_size):
    expected = drawn()
    sample = TorchEngine.sample
    monkeypatch.setattr(TorchEngine, "sample", lambda *given: reversed(list(sample(*given))))
    edit_params({"sampling": {"batch_size": batch_size}})
    run_stage(rollout, *RUN)
    assert [(one.problem_id, one.sample, one.response_ids) for one in drawn()] == [
        (one.problem_id, one.sample, one.response_ids) for one in expected
    ]


@pytest.mark.exhaustive
def test_rays_workers_draw_the_same_round(refilled):
    """In any order and by any batch they do above; Ray's workers sample what one process does in test_ray_engine."""
    pytest.importorskip("ray")
    expected = paths.rollouts(*RUN).read_bytes()
    edit_params({"ray": {"workers": 2}})
    run_stage(rollout, *RUN)
    assert paths.rollouts(*RUN).read_bytes() == expected


def test_a_round_that_was_killed_in_its_second_pass_is_the_same_when_it_is_run_again(refilled, monkeypatch):
    expected = paths.rollouts(*RUN).read_bytes()
    paths.rollouts(*RUN).unlink()
    sample, calls = TorchEngine.sample, []

    def killed(*given):
        calls.append(given)
        for number, one in enumerate(sample(*given)):
            if len(calls) == 2 and number == 3:
                raise KeyboardInterrupt
            yield one

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TorchEngine, "sample", killed)
        run_stage(rollout, *RUN)
    assert not paths.rollouts(*RUN).exists()
    run_stage(rollout, *RUN)
    assert paths.rollouts(*RUN).read_bytes() == expected


def test_where_nothing_differs_at_most_ends_the_round_and_the_weights_stay(refilled, capsys):
    edit_params({"reward": {"parts": {}}})
    for stage in (rollout, verify, update):
        run_stage(stage, *RUN)
    run_stage(measure, "uniform", SEED)
    assert names(drawn()) == block(0)
    found = read_json(paths.round_metrics(*RUN))["round"]
    assert (found["groups_drawn"], found["groups_kept"], found["refill_ended"]) == (PROMPTS * AT_MOST, 0, 1)
    assert found["tokens_discarded"] == found["tokens"]
    assert "in none of the 16 groups do rewards differ" in capsys.readouterr().err


def test_the_next_rounds_problems_do_not_depend_on_how_many_a_round_has_drawn(refilled):
    edit_params({"rounds": 2})
    plan.main()
    shutil.copytree(paths.policy(*RUN), paths.policy("uniform", SEED, 1), dirs_exist_ok=True)
    for round in (0, 1):
        run_stage(rollout, "uniform", SEED, round)
        assert names(drawn(round)) == block(round)[: len(names(drawn(round)))]
    assert not set(block(0)) & set(block(1))


def test_rollouts_depend_on_the_judge_and_the_reward_only_where_a_refill_asks_them(refilled):
    def planned(**changes) -> dict:
        edit_params(changes)
        plan.main()
        return read_json(paths.stage_plan("rollout"))

    asked = planned()
    assert {"mtpipe/tasks/judging.py", "mtpipe/verify/pool.py", "plugins/mine.py"} <= asked["code"].keys()
    assert planned(reward={"correct": 2.0}) != asked
    alone = planned(sampling={"refill": None})
    assert not [file for file in alone["code"] if file.startswith(("mtpipe/tasks/", "mtpipe/verify/", "plugins/"))]
    assert planned(reward={"correct": 3.0}) == alone


def test_more_problems_than_there_are_cannot_be_drawn(refilled):
    edit_params({"sampling": {"refill": {"until": "prompts", "at_most": 11}}})
    with pytest.raises(MtpipeError, match=r"may draw 44 problems .*at_most.* but there are 40"):
        run_stage(rollout, *RUN)
