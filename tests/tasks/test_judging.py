"""From judged responses to verdict rows, and the command that judges a file."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtpipe.__main__ import main
from mtpipe.errors import MtpipeError
from mtpipe.settings.reward import Judging
from mtpipe.tasks.judging import judge_responses
from mtpipe.verify.answers import verify_themselves
from mtpipe.verify.grading import grade, read_rows


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
    rows = judge_responses(problems, [response(number, text) for number, text in enumerate(texts)], Judging())
    assert [(row["problem_id"], row["verdict"], row["answer"]) for row in rows] == [
        ("p0", "correct", "42"),
        ("p1", "correct", "5.35"),
        ("p2", "correct", "2, 1"),
    ]
    assert [row["verdict"] for row in judge_responses(problems[1:], [response(1, r"\boxed{5.3}")], Judging())] == [
        "no_answer"
    ]


def test_the_settings_say_what_counts_as_equal():
    problems, texts = [math_problem(0, ["35"]), math_problem(1, ["2,9"])], [r"\boxed{35\%}", r"\boxed{(9, 2)}"]
    responses = [response(number, text) for number, text in enumerate(texts)]

    def verdicts(**policies):
        return [row["verdict"] for row in judge_responses(problems, responses, Judging(**policies))]

    assert verdicts() == ["correct", "wrong"]
    assert verdicts(percent="value", brackets="optional") == ["wrong", "wrong"]


def test_a_data_sets_unit_and_golds_with_equal_values_count():
    problems = [math_problem(0, ["8"], unit="min"), math_problem(1, ["16", "3", "1", "1"], match="all")]
    for texts, right in (
        ([r"\boxed{8}", r"\boxed{1, 16, 1, 3}"], True),
        ([r"\boxed{480\text{ s}}", r"\boxed{16,3,1,1}"], True),
        ([r"\boxed{8\text{ s}}", r"\boxed{16, 3, 1}"], False),
    ):
        rows = judge_responses(problems, [response(*each) for each in enumerate(texts)], Judging())
        assert [row["verdict"] == "correct" for row in rows] == [right] * 2


def test_a_response_to_no_problem_and_a_task_nobody_knows_are_errors():
    with pytest.raises(MtpipeError, match="'p7', which is not among"):
        judge_responses([math_problem(0, ["42"])], [response(7, "")], Judging())
    with pytest.raises(MtpipeError, match="chess"):
        judge_responses([{**math_problem(0, ["42"]), "task": "chess"}], [response(0, "")], Judging())


def test_golds_verify_themselves_or_are_told():
    metas = [
        {"golds": golds, "match": "any"} for golds in (["42"], [r"\frac{1}{2}", "1/2"], [r"\text{east}"], [""], [])
    ]
    assert verify_themselves(metas) == [True, True, True, False, False]


@pytest.mark.slow
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
        ('{"gold": null, "pred": "1"}', "line 2: 'gold' is null"),
        ('{"gold": [], "pred": "1"}', "line 2: 'gold' is"),
        ('{"gold": "1", "pred": {}}', "line 2: 'pred' is {}"),
        ('{"gold": "1", "pred": "1", "rule": "free"}', "line 2: rule is 'free'"),
        ('{"gold": "1", "pred": "1", "options": {"float_rounding": -1}}', "line 2: options.float_rounding is -1"),
    ],
)
def test_a_malformed_row_is_listed_and_the_others_are_judged(tmp_path, line, complaint):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"gold": "1", "pred": "1"}\n' + line + '\n{"gold": "1", "pred": null}\n')
    summary = grade(source, target)
    assert f"left out: {source}, {complaint}" in summary
    assert [json.loads(row)["verdict"] for row in target.read_text().splitlines()] == ["correct", "no_answer"]


def test_a_file_without_a_row_that_can_be_judged_is_refused(tmp_path):
    for text, complaint in (("{", "line 1: no JSON"), ("\n", "no rows")):
        (tmp_path / "in.jsonl").write_text(text)
        with pytest.raises(MtpipeError, match=complaint):
            read_rows(tmp_path / "in.jsonl")


def test_grade_takes_a_gold_out_of_a_box_that_is_cut_off(tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [{"gold": gold, "pred": r"\boxed{7}"} for gold in (r"so \boxed{7", r"\boxed{7} or \boxed{8", r"so \boxed{8")]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    grade(source, target)
    assert [json.loads(line)["correct"] for line in target.read_text().splitlines()] == [True, True, False]


def test_grade_reads_parquet_and_takes_a_rule_for_all_rows_or_one(tmp_path):
    source, target = tmp_path / "in.parquet", tmp_path / "out.jsonl"
    rows = [
        {"gold": "7", "pred": "Answer: 7", "rule": "answer_line", "row": 0},
        {"gold": "7", "pred": "Answer: 7", "rule": None, "row": 1},
        {"gold": "7", "pred": r"\boxed{7}", "rule": None, "row": 2},
    ]
    pq.write_table(pa.Table.from_pylist(rows), source)
    grade(source, target, rule="boxed")
    assert [json.loads(row)["verdict"] for row in target.read_text().splitlines()] == [
        "correct",
        "no_answer",
        "correct",
    ]
    source.write_bytes(b"no parquet")
    with pytest.raises(MtpipeError, match="no Parquet"):
        read_rows(source)


def test_the_command_explains_itself_and_fails_without_a_traceback(tmp_path, monkeypatch, capsys):
    def ended(*arguments: str) -> object:
        monkeypatch.setattr("sys.argv", ["mtpipe", "grade", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code

    assert ended("--help") == 0
    assert "a whole response or a bare answer" in capsys.readouterr().out
    missing = ended(str(tmp_path / "none.jsonl"), str(tmp_path / "out.jsonl"))
    assert missing == f"error: {tmp_path / 'none.jsonl'} could not be read: No such file or directory"
    assert list(tmp_path.iterdir()) == []
