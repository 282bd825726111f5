"""A round's verdicts and rewards against each response judged and rewarded by hand."""

import json

import pytest
from builders import rollout, run_stage, write_params
from chains import ARMS, LIMIT, ROUNDS, SEED, rolled

from mtpipe import paths
from mtpipe.params import load_params
from mtpipe.records import PROBLEMS, VERDICTS, read_rows, write_rollouts, write_rows
from mtpipe.tasks.judging import judge_responses
from mtpipe.tasks.synthetic.arithmetic import Sum, worked_answer
from stages import verify

pytestmark = pytest.mark.slow


def reward(verdict: str, tokens: int) -> float:
    """As the chains' params.yaml has it: 0.3 for an answer's form, and up to 0.5 off over all of the length."""
    form = 0.0 if verdict in ("no_answer", "unfinished") else 0.3
    return (verdict == "correct") + form - 0.5 * tokens / LIMIT


@pytest.mark.parametrize("round", ROUNDS)
@pytest.mark.parametrize("arm", list(ARMS))
def test_each_response_has_its_own_verdict_and_reward(here, arm, round):
    problems = read_rows(paths.TRAIN, PROBLEMS)
    found, judging = read_rows(paths.verdicts(arm, SEED, round), VERDICTS), load_params().reward.judging
    for response, row in zip(rolled(arm, round), found, strict=True):
        [alone] = judge_responses(problems, [vars(response)], judging)
        assert (row["problem_id"], row["sample"]) == (response.problem_id, response.sample)
        assert (row["verdict"], row["answer"], row["detail"]) == (alone["verdict"], alone["answer"], alone["detail"])
        expected = reward(alone["verdict"], len(response.response_ids))
        assert row["reward"] == pytest.approx(expected)
    assert len({round_off(row["reward"]) for row in found}) > 3


def round_off(value: float) -> float:
    return round(value, 6)


def test_the_samples_are_the_rounds_first_responses_with_their_verdicts(here):
    shown = [json.loads(line) for line in paths.samples("uniform", SEED, 1).read_text().splitlines()]
    verdicts = read_rows(paths.verdicts("uniform", SEED, 1), VERDICTS)
    assert [one["text"] for one in shown] == [one.text for one in rolled("uniform", 1)[:5]]
    assert [one["verdict"] for one in shown] == [row["verdict"] for row in verdicts[:5]]


def test_responses_of_every_kind_in_any_order_are_judged_by_their_own_problem(prepared, monkeypatch):
    """In a round of its own that no rollout stage has sampled."""
    monkeypatch.chdir(prepared)
    problems = read_rows(paths.TRAIN, PROBLEMS)[:3]
    written = []
    for number, problem in enumerate(problems):
        expression = Sum.parse(problem["prompt"].removesuffix(">"))
        right, wrong = worked_answer(expression, "precedence"), worked_answer(expression, "left_to_right")
        head, _, last = right.rpartition("=")
        texts = {
            "correct": right,
            "wrong": wrong,
            "false_step": f"{head}={int(last) + 1}",
            "unfinished": right.rpartition(",")[0],
            "no_answer": ",,",
            "foreign_step": "90+9=99",
        }
        for sample, (verdict, text) in enumerate(texts.items()):
            tokens = [2] * (1 + number + sample)
            written.append((verdict, rollout(tokens, problem_id=problem["problem_id"], sample=sample, text=text)))
        cut = rollout(
            [2], problem_id=problem["problem_id"], sample=6, text=right.partition("=")[0], finish_reason="length"
        )
        written.append(("unfinished", cut))
    shuffled = written[1::2] + written[::2]
    write_rollouts(paths.rollouts("uniform", SEED, 9), [one for _, one in shuffled])
    run_stage(verify, "uniform", SEED, 9)
    rows = read_rows(paths.verdicts("uniform", SEED, 9), VERDICTS)
    for (verdict, response), row in zip(shuffled, rows, strict=True):
        assert (row["problem_id"], row["sample"]) == (response.problem_id, response.sample)
        assert row["verdict"] == verdict
        assert row["score"] == (verdict == "correct")
        assert row["reward"] == pytest.approx(reward(verdict, len(response.response_ids)))


@pytest.mark.parametrize(("order", "verdict"), [("any", "correct"), ("as_written", "wrong")])
def test_what_counts_as_equal_is_what_params_yaml_says(tmp_path, monkeypatch, order, verdict):
    monkeypatch.chdir(tmp_path)
    write_params({"reward.judging": {"percent": "either", "brackets": "strict", "order": order}})
    (tmp_path / "inputs").mkdir()
    problem = {"problem_id": "m", "task": "math", "split": "train", "prompt": "?", "answer": "1,2"}
    write_rows(paths.TRAIN, [problem | {"meta": json.dumps({"golds": ["1,2"]})}], PROBLEMS)
    write_rollouts(paths.rollouts("uniform", 1, 0), [rollout([2], problem_id="m", text=r"\boxed{2,1}")])
    run_stage(verify, "uniform", 1, 0)
    [row] = read_rows(paths.verdicts("uniform", 1, 0), VERDICTS)
    assert row["verdict"] == verdict
