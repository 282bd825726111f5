"""From judged responses to verdict rows and rewards, and the command that judges a file."""

import json
import subprocess
import sys

import pytest
from builders import ROOT
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.errors import MtpipeError
from mtpipe.settings.reward import Reward
from mtpipe.tasks.judging import judge_responses
from mtpipe.tasks.rewards import reward_of
from mtpipe.verify.answers import verify_themselves
from mtpipe.verify.grading import grade, read_rows

NEUTRAL = Reward(correct=1.0, wrong=0.0, format=0.0, overlong_buffer=0, overlong_penalty=1.0, overlong=None)
SHAPED = NEUTRAL.model_copy(update={"format": 0.1, "overlong_buffer": 20, "overlong_penalty": 0.5})
VERDICTS = ["correct", "wrong", "no_answer", "unparseable", "timeout", "crashed", "rejected"]


def math_problem(number: int, golds: list[str], **meta: object) -> dict[str, str]:
    meta = {"golds": golds, "match": "any", "extraction": "boxed", **meta}
    return {"problem_id": f"p{number}", "task": "math", "answer": golds[0], "meta": json.dumps(meta)}


def response(number: int, text: str) -> dict[str, object]:
    return {"problem_id": f"p{number}", "sample": 0, "text": text, "finish_reason": "stop"}


def test_mathematics_is_judged_by_each_problems_own_rule():
    problems = [
        math_problem(0, ["42"]),
        math_problem(1, ["5.3"], extraction="answer_line", tolerance="1e-1"),
        math_problem(2, ["1", "2"], match="all", extraction="answer_tag"),
    ]
    texts = [r"\boxed{42}", "Answer: 5.35", "</think> <answer>2, 1</answer>"]
    rows = judge_responses(problems, [response(number, text) for number, text in enumerate(texts)])
    assert [(row["problem_id"], row["verdict"], row["answer"]) for row in rows] == [
        ("p0", "correct", "42"),
        ("p1", "correct", "5.35"),
        ("p2", "correct", "2, 1"),
    ]
    assert [row["verdict"] for row in judge_responses(problems[1:], [response(1, r"\boxed{5.3}")])] == ["no_answer"]


def test_a_response_to_no_problem_and_a_task_nobody_knows_are_errors():
    with pytest.raises(MtpipeError, match="'p7', which is not among"):
        judge_responses([math_problem(0, ["42"])], [response(7, "")])
    with pytest.raises(MtpipeError, match="chess"):
        judge_responses([{**math_problem(0, ["42"]), "task": "chess"}], [response(0, "")])


def test_golds_verify_themselves_or_are_told():
    metas = [
        {"golds": golds, "match": "any"} for golds in (["42"], [r"\frac{1}{2}", "1/2"], [r"\text{east}"], [""], [])
    ]
    assert verify_themselves(metas) == [True, True, True, False, False]


@given(st.sampled_from(VERDICTS), st.sampled_from(["stop", "length"]), st.integers(0, 100))
def test_a_neutral_reward_is_the_verdicts_alone(verdict, finish_reason, tokens):
    assert reward_of(verdict, finish_reason, tokens, NEUTRAL, 100) == float(verdict == "correct")


def test_the_overlong_penalty_falls_in_a_straight_line_to_its_whole_at_the_limit():
    lengths = [0, 80, 85, 90, 100]
    assert [reward_of("wrong", "stop", tokens, SHAPED, 100) for tokens in lengths] == pytest.approx(
        [0.1, 0.1, -0.025, -0.15, -0.4]
    )


def test_the_format_reward_needs_an_answer_and_a_truncated_response_has_its_own():
    assert reward_of("no_answer", "stop", 0, SHAPED, 100) == 0.0
    assert reward_of("unparseable", "stop", 0, SHAPED, 100) == pytest.approx(0.1)
    cut = SHAPED.model_copy(update={"overlong": -1.0})
    assert reward_of("correct", "length", 100, cut, 100) == -1.0
    assert reward_of("correct", "stop", 50, cut, 100) == pytest.approx(1.1)


def test_grade_keeps_fields_and_adds_its_own(tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [
        {"gold": "$\\sqrt{8}$", "pred": "So \\boxed{2\\sqrt{2}}.", "id": 7},
        {"gold": ["1", "2"], "pred": "2"},
        {"gold": "3.14", "pred": "3.1416", "options": {"float_rounding": 2}},
        {"gold": 5, "pred": "no idea at all"},
    ]
    source.write_text("\n\n".join(map(json.dumps, rows)) + "\n")
    summary = grade(source, target)
    assert summary.startswith("3 of 4 correct (75.0%); 1 no_answer")
    written = [json.loads(line) for line in target.read_text().splitlines()]
    assert [(row["correct"], row["verdict"], row["answer"]) for row in written] == [
        (True, "correct", "2\\sqrt{2}"), (True, "correct", "2"), (True, "correct", "3.1416"), (False, "no_answer", ""),
    ]  # fmt: skip
    assert written[0]["id"] == 7


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 2: no JSON"),
        ("[1]", "line 2: list found"),
        ('{"gold": "1"}', "line 2: 'pred' is missing"),
        ('{"gold": "1", "pred": null}', "line 2: 'pred' is null"),
        ('{"gold": [], "pred": "1"}', "line 2: 'gold' is"),
        ('{"gold": "1", "pred": "1", "options": {"float_rounding": -1}}', "line 2: options.float_rounding is -1"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path, line, complaint):
    source = tmp_path / "in.jsonl"
    source.write_text('{"gold": "1", "pred": "1"}\n' + line + "\n")
    with pytest.raises(MtpipeError, match=complaint.replace("[", r"\[")):
        read_rows(source)


def test_the_command_explains_itself_and_fails_without_a_traceback(tmp_path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mtpipe", "grade", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    shown = run("--help")
    assert "a whole response or a bare answer" in shown.stdout
    missing = run(str(tmp_path / "none.jsonl"), str(tmp_path / "out.jsonl"))
    assert (missing.returncode, missing.stderr) == (
        1,
        f"error: {tmp_path / 'none.jsonl'} could not be read: No such file or directory\n",
    )
    assert list(tmp_path.iterdir()) == []
