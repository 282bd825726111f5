"""Preparing mathematics: what is kept, what is left out and why, and that the account adds up."""

import json
from pathlib import Path

import pytest

from mtpipe.errors import MtpipeError
from mtpipe.tasks.math import MathTask
from mtpipe.tasks.prepared import Prepared

TRAIN = [
    {"problem": "What is $1+1$?", "answer": "2", "level": "Level 1"},
    {"problem": "What is  $1+1$? ", "answer": "2", "level": "Level 1"},
    {"problem": "What is $1+1$?", "answer": "3", "level": "Level 1"},
    {"problem": "What is $2+2$?", "answer": "", "level": "Level 2"},
    {"problem": "Name a half.", "answer": r"\frac{1}{2}", "level": "Level 2"},
    {"problem": "", "answer": "5", "level": "Level 3"},
    {"problem": "Find $x^2$ where $x=3$.", "answer": "9", "level": "Level 4"},
    {"problem": "A long one: " + "and one more, " * 40 + "how many?", "answer": "40", "level": "Level ?"},
    *({"problem": f"What is {n} times seven?", "answer": str(7 * n), "level": "Level 5"} for n in range(30)),
]
BENCHMARK = [{"problem": "Find  $x^2$ where $x=3$", "answer": "9"}, {"problem": "What is $4-1$?", "answer": 3.0}]


@pytest.fixture
def prepared(tmp_path):
    """Prepares TRAIN and BENCHMARK with some settings of the task and of the training source."""

    def prepare(rows=TRAIN, benchmark=BENCHMARK, source=None, **settings) -> Prepared:
        for name, found in (("train", rows), ("bench", benchmark)):
            (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))
        sources = {
            "train": {"mine": {"file": str(tmp_path / "train.jsonl"), **(source or {})}},
            "benchmarks": {"held_out": {"file": str(tmp_path / "bench.jsonl")}},
        }
        task = {"name": "math", "seed": 0, "template": "none", "max_prompt_tokens": 200, **sources, **settings}
        return MathTask.model_validate(task).prepare(None)

    return prepare


def meta(problem: dict) -> dict:
    return json.loads(problem["meta"])


def test_every_row_is_kept_or_counted_with_its_reason_and_faults_are_listed(prepared):
    found = prepared()
    benchmark, mine = found.sources
    assert benchmark["dropped"] == {}
    assert (benchmark["rows"], benchmark["kept"]) == (2, 2)
    assert mine["dropped"] == {
        "duplicate": 1,
        "duplicate with another answer": 1,
        "in a benchmark": 1,
        "no problem text": 1,
        "no usable gold": 1,
        "prompt too long": 1,
    }
    assert mine["rows"] == len(TRAIN) == mine["kept"] + sum(mine["dropped"].values())
    assert len(found.train) == mine["kept"] == 32
    listed = {row["row"]: row["reason"] for row in found.dropped}
    assert listed == {
        2: "duplicate with another answer",
        3: "no usable gold",
        5: "no problem text",
        6: "in a benchmark",
        7: "prompt too long",
    }
    assert {row["detail"] for row in found.dropped if row["row"] == 6} == {"same text as held_out"}


def test_a_problem_has_its_prompt_its_golds_and_the_templates_rules(prepared):
    found = prepared(template="r1", max_prompt_tokens=2000)
    problem = found.train[0]
    assert (problem["problem_id"], problem["task"], problem["split"]) == ("train-mine-0", "math", "train")
    assert problem["prompt"].endswith("User: What is $1+1$?\nAssistant: <think>")
    assert problem["answer"] == "2"
    assert meta(problem) == {
        "golds": ["2"],
        "match": "any",
        "extraction": "answer_tag",
        "stop": ["</answer>"],
        "question": "What is $1+1$?",
        "source": "mine",
    }
    own = prepared(template="Q: {problem}\nA:", stop=["\nQ:"], extraction="answer_line").benchmarks["held_out"][1]
    assert (own["problem_id"], own["prompt"], own["answer"]) == ("held_out-1", "Q: What is $4-1$?\nA:", "3.0")
    assert (meta(own)["stop"], meta(own)["extraction"]) == (["\nQ:"], "answer_line")


def test_units_and_tolerances_come_along(prepared):
    rows = [{"question": "How far?", "final_answer": ["$4.2$"], "unit": "km", "error": "1e-1", "context": "A walk."}]
    problem = prepared(rows).train[0]
    assert (meta(problem)["unit"], meta(problem)["tolerance"]) == ("km", "1e-1")
    assert problem["prompt"] == "A walk.\nHow far?"


def test_a_number_of_problems_is_chosen_by_the_seed(prepared):
    ids = {seed: [row["problem_id"] for row in prepared(source={"count": 10}, seed=seed).train] for seed in (0, 1)}
    assert len(ids[0]) == len(ids[1]) == 10
    assert ids[0] != ids[1]
    assert ids[0] == [row["problem_id"] for row in prepared(source={"count": 10}).train]
    more = {row["problem_id"] for row in prepared(source={"count": 15}).train}
    assert set(ids[0]) <= more, "asking for more keeps the earlier choice"
    assert prepared(source={"count": 10}).sources[1]["dropped"]["not chosen"] == 22


def test_a_choice_survives_a_new_row_before_it(prepared):
    chosen = {row["prompt"] for row in prepared(source={"count": 10}).train}
    extended = {
        row["prompt"] for row in prepared([{"problem": "New?", "answer": "1"}, *TRAIN], source={"count": 10}).train
    }
    assert len(chosen - extended) <= 1


@pytest.mark.parametrize(("bounds", "kept"), [({"min": 2, "max": 4}, 1), ({"max": 1}, 1), ({"min": 5}, 30)])
def test_a_difficulty_selects_by_level(prepared, bounds, kept):
    found = prepared(source={"difficulty": {"column": "level", **bounds}})
    assert len(found.train) == kept
    assert found.sources[1]["dropped"]["no difficulty"] == 1


def test_a_difficulty_selects_by_pass_rate(prepared):
    rows = [{"problem": f"What is {n}?", "answer": "1", "stats": {"rate": n / 10}} for n in range(11)]
    found = prepared(rows, source={"difficulty": {"column": "stats.rate", "min": 0.2, "max": 0.6}})
    assert [row["problem_id"] for row in found.train] == [f"train-mine-{n}" for n in range(2, 7)]


def test_a_problem_in_two_training_sources_is_kept_once(prepared, tmp_path):
    both = {name: {"file": str(tmp_path / "train.jsonl")} for name in ("one", "two")}
    with pytest.raises(MtpipeError, match=r"leaves no problem, training two: 0 of 38 rows kept \(.*duplicate"):
        prepared(train=both)


def test_other_rows_than_those_that_were_pinned_are_an_error(prepared):
    digest = prepared().sources[1]["digest"]
    assert prepared(source={"digest": digest}).sources[1]["digest"] == digest
    with pytest.raises(MtpipeError, match=rf"task\.train\.mine\.digest is {digest}, and what was loaded has"):
        prepared([{**TRAIN[0], "answer": "4"}, *TRAIN[1:]], source={"digest": digest})


def test_adding_a_benchmark_without_overlap_leaves_the_training_problems_alone(prepared, tmp_path):
    (tmp_path / "more.jsonl").write_text(json.dumps({"problem": "Something else?", "answer": "1"}) + "\n")
    more = {name: {"file": str(tmp_path / f"{file}.jsonl")} for name, file in (("held_out", "bench"), ("more", "more"))}
    assert prepared(benchmarks=more).train == prepared().train


def test_preparing_is_a_function_of_its_inputs(prepared):
    assert prepared() == prepared()


def test_the_length_of_a_prompt_is_counted_with_the_checkpoints_tokenizer(prepared, policy_folder, tmp_path):
    (tmp_path / "more.jsonl").write_text(
        "".join(json.dumps({"problem": "1" * n, "answer": "1"}) + "\n" for n in (5, 6))
    )
    task = {"name": "math", "seed": 0, "template": "{problem}>", "max_prompt_tokens": 6}
    sources = {"a": {"file": str(tmp_path / "more.jsonl")}}
    rest = {"train": sources, "benchmarks": {"b": {"file": _benchmark(tmp_path)}}}
    found = MathTask.model_validate({**task, **rest}).prepare(str(policy_folder))
    assert [row["prompt"] for row in found.train] == ["11111>"]
    assert found.dropped[-1]["detail"] == "7 tokens"
    with pytest.raises(MtpipeError, match=r"model\.checkpoint is '.*gone', which has no tokenizer\.json"):
        MathTask.model_validate({**task, **rest}).prepare(str(tmp_path / "gone"))


def _benchmark(folder: Path) -> str:
    (folder / "b.jsonl").write_text(json.dumps({"problem": "0", "answer": "1"}) + "\n")
    return str(folder / "b.jsonl")
