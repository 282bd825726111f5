import json

import pytest
from builders import ROOT

from mtpipe.errors import MtpipeError
from mtpipe.params import load_params

PROFILE = (ROOT / "profiles" / "math-smoke.yaml").read_text()


def test_the_profile_is_valid_and_says_which_benchmarks_there_are():
    task = load_params(ROOT / "profiles" / "math-smoke.yaml").task
    assert task.benchmark_names == ["short", "words"]


@pytest.mark.parametrize(
    ("found", "replaced_by", "expected"),
    [
        (
            "name: math\n",
            "name: maths\n",
            "task: no task has the name 'maths'; expected a mapping with one of",
        ),
        ("template: qwen_math", "template: qwen", "template 'qwen' is none of qwen_math"),
        ("count: 20", "cuont: 20", "unknown key 'cuont'; did you mean 'count'?"),
        ("min: 1, max: 3", "min: 4, max: 3", "min (4) is above max (3)"),
        (", min: 1, max: 3", "", "give min, max or both"),
        (
            "file: inputs/math_smoke_words.jsonl",
            "file: inputs/math_smoke_words.jsonl, hub: math-ai/amc23",
            "either hub: owner/name or file",
        ),
        ("file: inputs/math_smoke_words.jsonl, ", "", "either hub: owner/name or file"),
        ("file: inputs/math_smoke_words.jsonl", "hub: words", "hub: String should match pattern"),
        (
            "file: inputs/math_smoke_words.jsonl",
            "file: inputs/math_smoke_words.jsonl, split: test",
            "split belongs to a hub data set",
        ),
        ("steps: 0 ", "steps: 5 ", "warm_start.steps is 5, but task math has no worked answers; set it to 0"),
        ("    words:", "    a/b:", "String should match pattern"),
    ],
)
def test_a_fault_in_the_task_is_named(tmp_path, found, replaced_by, expected):
    assert found in PROFILE
    (tmp_path / "params.yaml").write_text(PROFILE.replace(found, replaced_by, 1))
    with pytest.raises(MtpipeError) as error:
        load_params(tmp_path / "params.yaml")
    assert expected in str(error.value)


def test_a_chat_template_needs_a_checkpoint(tmp_path):
    task = {"name": "math", "template": "chat", "train": {"a": {"file": "a"}}, "benchmarks": {"b": {"file": "b"}}}
    (tmp_path / "params.yaml").write_text(json.dumps({"task": task, "warm_start": {"steps": 0}}))
    with pytest.raises(MtpipeError, match=r"chat.*checkpoint"):
        load_params(tmp_path / "params.yaml")
