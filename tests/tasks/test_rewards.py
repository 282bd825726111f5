"""Rewards as sums of weighted parts: those of the package, a user's own, and what is told of faulty ones."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from own_classes import write_class
from pydantic import ValidationError

from mtpipe.errors import MtpipeError
from mtpipe.records import VERDICTS, read_rows, write_rows
from mtpipe.settings.reward import Reward
from mtpipe.tasks.rewards import JudgedResponse, reward_group, reward_round

LIMIT = 100
WORDS = ["correct", "wrong", "no_answer", "unfinished", "unparseable", "timeout"]
PROBLEM = {"problem_id": "p7", "prompt": "1+1>", "answer": "2", "meta": "{}"}

weights = st.floats(-2, 2)
settings = st.builds(
    Reward,
    correct=st.floats(0.5, 2),
    wrong=st.floats(-2, 0.4),
    format=st.floats(0, 1),
    overlong_buffer=st.integers(0, LIMIT),
    overlong_penalty=st.floats(0, 2),
    overlong=st.none() | weights,
)
verdicts = st.sampled_from(WORDS)
reasons = st.sampled_from(["stop", "length"])


def response(verdict="wrong", finish_reason="stop", tokens=10, text="", sample=0, score=None) -> JudgedResponse:
    score = float(verdict == "correct") if score is None else score
    return JudgedResponse(sample, text, [0] * tokens, finish_reason, verdict, "", score)


def former(response: JudgedResponse, settings: Reward) -> float:
    """The reward as one formula of one response."""
    if response.finish_reason == "length" and settings.overlong is not None:
        return settings.overlong
    reward = settings.correct if response.verdict == "correct" else settings.wrong
    if response.verdict not in ("no_answer", "unfinished"):
        reward += settings.format
    if settings.overlong_buffer:
        beyond = len(response.tokens) - (LIMIT - settings.overlong_buffer)
        reward -= settings.overlong_penalty * min(1.0, max(0.0, beyond / settings.overlong_buffer))
    return reward


@given(settings, verdicts, reasons, st.integers(0, LIMIT))
def test_the_parts_of_the_package_give_the_former_reward_to_the_last_digit(settings, verdict, reason, tokens):
    one = response(verdict, reason, tokens)
    (found,) = reward_group(PROBLEM, [one], settings, LIMIT)
    assert found.reward == former(one, settings)
    assert found.reward == sum(settings.weights[name] * value for name, value in found.parts.items())
    assert found.parts.keys() == settings.weights.keys()


def test_the_shipped_reward_has_one_part_and_is_the_verdict_alone():
    assert Reward().weights == {"correct": 1.0}
    found = reward_group(PROBLEM, [response(verdict) for verdict in WORDS], Reward(), LIMIT)
    assert [one.reward for one in found] == [float(verdict == "correct") for verdict in WORDS]


@given(st.floats(0, 1), settings)
def test_a_score_lies_between_wrong_and_correct_in_a_straight_line(score, settings):
    ends = [reward_group(PROBLEM, [response(score=end)], settings, LIMIT)[0].reward for end in (0.0, 1.0)]
    (found,) = reward_group(PROBLEM, [response(score=score)], settings, LIMIT)
    assert found.reward == pytest.approx(ends[0] + score * (ends[1] - ends[0]), abs=1e-9)


def test_a_dropped_response_is_masked_and_rewarded_as_any():
    settings = Reward(overlong="drop")
    found = reward_group(PROBLEM, [response("correct", "length"), response("correct")], settings, LIMIT)
    assert [(one.reward, one.masked) for one in found] == [(1.0, True), (1.0, False)]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def own(text: str, weight: float = -0.2) -> Reward:
    """A reward with the part plugins.mine.part, which is defined by a text."""
    write_class("mine", text)
    return Reward.model_validate({"plugins.mine.part": weight})


def test_a_part_of_ones_own_sees_the_whole_group(project):
    settings = own(
        "def part(problem, responses):\n"
        "    shortest = min(len(response.tokens) for response in responses)\n"
        "    return [len(response.tokens) - shortest + len(problem['answer']) for response in responses]\n"
    )
    group = [response("correct", tokens=5), response(tokens=8), response(tokens=9, finish_reason="length")]
    found = reward_group(PROBLEM, group, settings, LIMIT)
    assert [one.parts["plugins.mine.part"] for one in found] == [1.0, 4.0, 5.0]
    assert [one.reward for one in found] == pytest.approx([1.0 - 0.2, -0.8, -1.0])
    cut = reward_group(PROBLEM, group, settings.model_copy(update={"overlong": -3.0}), LIMIT)[2]
    assert (cut.reward, cut.parts["overlong"], cut.parts["plugins.mine.part"]) == (-3.0, 1.0, 0.0)


def test_a_part_of_weight_zero_is_recorded_and_changes_nothing(project):
    settings = own("def part(problem, responses):\n    return [7] * len(responses)\n", weight=0.0)
    (found,) = reward_group(PROBLEM, [response("correct")], settings, LIMIT)
    assert (found.reward, found.parts) == (1.0, {"correct": 1.0, "plugins.mine.part": 7.0})


def test_a_part_of_ones_own_sees_the_problem_that_its_responses_answer(project):
    settings = own("def part(problem, responses):\n    return [int(problem['answer'])] * len(responses)\n", weight=1.0)
    problems = [{"problem_id": name, "answer": answer} for name, answer in (("a", "3"), ("b", "5"))]
    rollouts = [
        {"problem_id": name, "sample": 0, "text": "", "response_ids": [1], "finish_reason": "stop"} for name in "ba"
    ]
    judged = [{"problem_id": name, "sample": 0, "verdict": "wrong", "score": 0.0, "answer": ""} for name in "ba"]
    assert [row["reward"] for row in reward_round(problems, rollouts, judged, settings, LIMIT)] == [5.0, 3.0]


def test_rewards_of_a_round_keep_its_order_and_go_through_parquet(project):
    settings = own("def part(problem, responses):\n    return [response.sample for response in responses]\n")
    rollouts, judged = [], []
    for problem_id, sample in [("b", 0), ("a", 0), ("b", 1), ("a", 1)]:
        row = {"problem_id": problem_id, "sample": sample}
        rollouts.append(row | {"text": "", "response_ids": [1, 2], "finish_reason": "stop"})
        judged.append(row | {"verdict": "correct", "score": 1.0, "answer": "", "detail": ""})
    rows = reward_round([{"problem_id": "a"}, {"problem_id": "b"}], rollouts, judged, settings, LIMIT)
    write_rows(project / "verdicts.parquet", rows, VERDICTS)
    read = read_rows(project / "verdicts.parquet", VERDICTS)
    assert [(row["problem_id"], row["reward"]) for row in read] == [("b", 1.0), ("a", 1.0), ("b", 0.8), ("a", 0.8)]
    assert [dict(row["parts"]) for row in read] == [row["parts"] for row in rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("    return [1 / 0]", "fails: ZeroDivisionError: division by zero (plugins/mine.py, line 2)"),
        ("    return [1.0]", "gave [1.0]; expected 2 finite numbers, one for each response"),
        ("    return [1.0, float('nan')]", "gave [1.0, nan]; expected 2 finite numbers"),
        ("    return [1.0, float('inf')]", "gave [1.0, inf]; expected 2 finite numbers"),
        ("    return [1.0, None]", "gave [1.0, None]; expected 2 finite numbers"),
        ("    return ['1', '2']", "gave ['1', '2']; expected 2 finite numbers"),
        ("    return 1.0", "fails: TypeError: 'float' object is not iterable (plugins/mine.py, line 1)"),
        ("    return responses[0].score", "fails: TypeError"),
        (
            "    return [one.length for one in responses]",
            "fails: AttributeError: 'JudgedResponse' object has no attribute 'length' (plugins/mine.py",
        ),
    ],
)
def test_a_part_that_fails_is_told_with_the_problem(project, text, expected):
    settings = own(f"def part(problem, responses):\n{text}\n")
    with pytest.raises(MtpipeError, match=r"^problem p7: plugins\.mine\.part " + re.escape(expected)):
        reward_group(PROBLEM, [response(), response(sample=1)], settings, LIMIT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def other(problem, responses): ...", "plugins.mine has no function 'part'; it has other"),
        ("part = 3", "plugins.mine has no function 'part'; it has none"),
        (
            "def part(problem): ...",
            "the function in plugins/mine.py, line 1 cannot be called with (problem, responses)",
        ),
        ("def part(a, b, c): ...", "cannot be called with (problem, responses), as a part of the reward is: missing"),
        ("def part(:", "does not load: SyntaxError: invalid syntax (plugins/mine.py, line 1)"),
    ],
)
def test_what_is_no_part_is_refused_with_the_settings(project, text, expected):
    with pytest.raises(ValidationError, match=re.escape(expected)):
        own(text)


def test_weights_are_numbers_and_other_keys_are_unknown(project):
    write_class("mine", "def part(problem, responses):\n    return [0] * len(responses)\n")
    assert Reward.model_validate({"plugins.mine.part": 1, "correct": 2}).weights == {
        "correct": 2,
        "plugins.mine.part": 1,
    }
    assert Reward.model_validate({"parts": {"plugins.mine.part": 1}}).parts == {"plugins.mine.part": 1}
    for faulty in ({"plugins.mine.part": "much"}, {"plugins.mine.part": math.nan}, {"brevity": -0.2}):
        with pytest.raises(ValidationError):
            Reward.model_validate(faulty)
