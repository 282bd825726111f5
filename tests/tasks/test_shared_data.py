"""Every row of the benchmark files that stand beside the project: kept with a gold that verifies, or named."""

import json

import pytest
from builders import ROOT

from mtpipe.settings.reward import Judging
from mtpipe.tasks.judging import judge_responses
from mtpipe.tasks.math import MathTask
from mtpipe.tasks.prepared import Prepared

SHARED = ROOT.parent / "shared" / "data"
FILES = {
    f"{folder}-{file.stem}": {"file": str(file)}
    for folder in ("benchmarks", "native")
    for file in sorted((SHARED / folder).glob("*"))
}
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not FILES, reason="needs the benchmark files in ../shared/data")]


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    train = {name: source for name, source in FILES.items() if name.endswith("_train")}
    train.pop("native-verl_math_train")  # the problems of benchmarks-math_train; it has a test of its own
    benchmarks = {name: source for name, source in FILES.items() if not name.endswith("_train")}
    task = {"name": "math", "seed": 0, "template": "none", "max_prompt_tokens": 100_000}
    return MathTask.model_validate({**task, "train": train, "benchmarks": benchmarks}).prepare(None)


def test_benchmarks_keep_every_problem(prepared):
    kept = {source["name"]: source["kept"] for source in prepared.sources if source["role"] == "benchmark"}
    assert kept == {
        "benchmarks-aime24": 30,
        "benchmarks-aime25": 30,
        "benchmarks-aime25_variant_opencompass": 30,
        "benchmarks-amc23": 40,
        "benchmarks-gsm8k_test": 1319,
        "benchmarks-math500": 500,
        "benchmarks-minerva_math": 272,
        "benchmarks-olympiadbench_oe_to_maths_en": 675,
        "native-aime24_test": 30,
        "native-aime25_test": 30,
        "native-gsm8k_main_test": 1319,
        "native-math500_test": 500,
        "native-minerva_math_test": 272,
        "native-olympiadbench_test": 675,
        "native-skywork_aime25": 30,
    }


def test_the_two_empty_golds_of_math_are_dropped_by_name(prepared):
    unusable = [row for row in prepared.dropped if row["reason"] == "no usable gold"]
    assert [(row["source"], row["row"], row["detail"]) for row in unusable] == [
        ("benchmarks-math_train", 5341, "empty gold"),
        ("benchmarks-math_train", 5343, "empty gold"),
    ]


def test_every_gold_that_remains_verifies_as_a_response_would(prepared):
    problems = [*prepared.train, *(problem for rows in prepared.benchmarks.values() for problem in rows)]
    responses = [
        {"problem_id": problem["problem_id"], "sample": 0, "text": text, "finish_reason": "stop"}
        for problem in problems
        for meta in [json.loads(problem["meta"])]
        for text in [rf"So it is $\boxed{{{meta['golds'][0] if meta['match'] == 'any' else problem['answer']}}}$."]
    ]
    judged = judge_responses(problems, responses, Judging())
    assert [row for row in judged if row["verdict"] != "correct"] == []
    assert len(judged) > 20_000 - 8_000


def test_verls_copy_of_math_has_the_same_problems(prepared):
    task = {"name": "math", "seed": 0, "template": "none", "max_prompt_tokens": 100_000}
    benchmark = {"aime24": FILES["benchmarks-aime24"]}
    sources = {name: FILES[name] for name in ("benchmarks-math_train", "native-verl_math_train")}
    dropped = {}
    for name, source in sources.items():
        settings = {**task, "train": {name: {**source, "count": 1}}, "benchmarks": benchmark}
        found = MathTask.model_validate(settings).prepare(None)
        dropped[name] = found.sources[1]["dropped"]
        assert json.loads(found.train[0]["meta"])["question"] != ""
    assert dropped["native-verl_math_train"] == dropped["benchmarks-math_train"]


def test_olympiadbench_keeps_its_lists_its_unit_and_its_tolerance(prepared):
    metas = [json.loads(row["meta"]) for row in prepared.benchmarks["native-olympiadbench_test"]]
    assert sum(meta["match"] == "all" for meta in metas) > 80
    assert [meta["tolerance"] for meta in metas if "tolerance" in meta] == ["1e-1"]
    assert sum("unit" in meta for meta in metas) == 8
