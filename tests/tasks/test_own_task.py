"""A task of one's own: docs/plugins.md's through the stages, and what is told of faults in one."""

import json
import re

import pytest
from builders import run_stage, write_params
from own_classes import EXAMPLES, write_class
from transformers import PreTrainedTokenizerFast

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json
from mtpipe.model.policy import new_checkpoint
from mtpipe.params import load_params
from mtpipe.records import PROBLEMS, read_rows
from mtpipe.settings.reward import Judging
from mtpipe.tasks.judging import judge_responses
from mtpipe.tasks.prepare import prepare

pytestmark = pytest.mark.slow

CHAT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<bot>"
QUIZ = {"name": "plugins.quiz.Quiz", "file": "inputs/quiz.jsonl"}


@pytest.fixture
def project(tmp_path, monkeypatch, params):
    """The working directory: 200 problems, a checkpoint with a chat template, and the page's task."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    new_checkpoint(tmp_path / "model", params.model.model_copy(update={"hidden_size": 16, "layers": 1}), None, 256)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tmp_path / "model")
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(tmp_path / "model")
    (tmp_path / "inputs").mkdir()
    lines = [{"question": f"What follows {n}?", "answer": str(n + 1)} for n in range(200)]
    (tmp_path / "inputs" / "quiz.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_class("quiz", EXAMPLES["quiz"])
    configure()
    return tmp_path


def configure(**task) -> None:
    write_params({"model.checkpoint": "model", "warm_start.steps": 0})
    content = json.dumps(QUIZ | task)
    with open("params.yaml") as file:
        text = file.read()
    text = re.sub(r"^task:.*?(?=^\w)", f"task: {content}\n", text, flags=re.DOTALL | re.MULTILINE)
    with open("params.yaml", "w") as file:
        file.write(text)


def judged(text: str, finish_reason: str = "stop") -> dict:
    problem = {"problem_id": "p", "task": "plugins.quiz.Quiz", "answer": "Paris"}
    response = {"problem_id": "p", "sample": 0, "text": text, "finish_reason": finish_reason}
    [row] = judge_responses([problem], [response], Judging())
    return row


def test_two_hundred_problems_of_ones_own_have_the_chat_models_prompt(project):
    from stages import prepare as stage

    run_stage(stage)
    train, held_out = read_rows(paths.TRAIN, PROBLEMS), read_rows(paths.benchmark("held_out"), PROBLEMS)
    assert (len(train), len(held_out)) == (180, 20)
    assert train[7]["prompt"] == "<user>What follows 7?\nEnd with the answer, one word.<bot>"
    assert (train[7]["problem_id"], train[7]["answer"], held_out[0]["problem_id"]) == ("train-7", "8", "held_out-0")


def test_responses_are_judged_by_the_tasks_own_judge(project):
    assert [judged(text)["verdict"] for text in ("It is Paris.", "Paris, not Rome", " ")] == [
        "correct",
        "wrong",
        "no_answer",
    ]
    assert judged("Paris", "length")["verdict"] == "no_answer"


def test_a_part_of_the_way_is_the_score(project):
    write_class("quiz", EXAMPLES["quiz"].replace('else "wrong", answer)', 'else "wrong", answer, score=0.25)'))
    assert judged("Rome")["score"] == 0.25


def test_an_edit_of_the_file_runs_again_what_prepares_and_judges_and_nothing_else(project):
    from stages import plan

    plan.main()
    stages = [path.stem for path in sorted(paths.stage_plan("verify").parent.glob("*.json"))]
    before = {stage: paths.stage_plan(stage).read_bytes() for stage in stages}
    assert "plugins/quiz.py" in read_json(paths.stage_plan("verify"))["code"]
    write_class("quiz", EXAMPLES["quiz"].replace('.strip(".,!")', '.strip(".,")'))
    plan.main()
    changed = {stage for stage in stages if paths.stage_plan(stage).read_bytes() != before[stage]}
    assert {"prepare", "verify", "evaluate", "evaluate_start", "sweep"} <= changed
    assert not changed & {"warm_start", "rollout", "update", "start", "measure"}


FAULTS = {
    "    def prepare(self, checkpoint):": (
        "    def prepares(self, checkpoint):",
        "has to have: prepare(self, checkpoint",
    ),
    "    def judge(problem": ("    def judges(problem", "has to have: judge(problem"),
    "    def benchmark_names": ("    def names", "has to have: benchmark_names"),
    'return ["held_out"]': ("return [self.help_out]", "object has no attribute 'help_out' (plugins/quiz.py, line 22)"),
}


@pytest.mark.parametrize("old", FAULTS)
def test_what_a_class_lacks_is_told_when_params_yaml_is_read(project, old):
    new, expected = FAULTS[old]
    assert old in EXAMPLES["quiz"]
    write_class("quiz", EXAMPLES["quiz"].replace(old, new))
    with pytest.raises(MtpipeError, match=r"task: plugins\.quiz\.Quiz") as error:
        load_params()
    assert expected in str(error.value)
    assert re.search(r"plugins/quiz\.py, line \d+", str(error.value))


PREPARED = {
    'line["question"]': ('line["problem"]', "plugins.quiz.Quiz fails: KeyError: 'problem' (plugins/quiz.py, line 27)"),
    "return Prepared(": ("return (", "expected a Prepared"),
    '{"held_out": rows': ('{"test": rows', "the benchmarks test; expected those of benchmark_names: held_out"),
    '"answer": line["answer"]}': (
        '"answer": int(line["answer"])}',
        "problem 0 of train with 'answer' 1; expected a dictionary with prompt and answer, both texts",
    ),
    '"answer": line["answer"]} ': (
        '"answer": line["answer"], "problem_id": line["answer"][:1]} ',
        "two problems with the id '1', one in train and one in train; expected an id for each problem",
    ),
    '"answer": line["answer"]}  ': (
        '"answer": line["answer"], "gold": 1} ',
        "problem 0 of train with the key 'gold'; known ones are problem_id, task, split, prompt, answer, meta",
    ),
    '"answer": line["answer"]}   ': (
        '"answer": line["answer"], "meta": {1, 2}} ',
        "problem 0 of train, whose meta JSON cannot hold",
    ),
    "rows[: -self.held_out]": ("[]", "no problem for train"),
    ":]})": (':]}, [{"prompt": "a", "response": "b"}])', "1 worked answers; expected none, because"),
}


@pytest.mark.parametrize("old", PREPARED)
def test_what_it_prepares_wrongly_is_told_with_file_and_line(project, old):
    new, expected = PREPARED[old]
    assert old.rstrip() in EXAMPLES["quiz"]
    write_class("quiz", EXAMPLES["quiz"].replace(old.rstrip(), new))
    with pytest.raises(MtpipeError) as error:
        prepare(load_params().task, "model")
    assert expected in str(error.value)
    assert re.search(r"plugins/quiz\.py, line \d+", str(error.value))


def test_two_benchmarks_with_one_problem_id_are_told(project):
    twice = (
        EXAMPLES["quiz"]
        .replace('["held_out"]', '["a", "b"]')
        .replace('{"held_out": rows[-self.held_out :]}', 'dict.fromkeys("ab", [rows[0] | {"problem_id": "x"}])')
    )
    write_class("quiz", twice)
    with pytest.raises(MtpipeError, match="two problems with the id 'x', one in a and one in b"):
        prepare(load_params().task, "model")


JUDGED = {
    "words = text.split()": ("words = text.splits()", "AttributeError: 'str' object has no attribute 'splits'"),
    "return Judgement(": ("return (", r"\('wrong', 'Rome'\); expected a Judgement"),
    'wrong", answer)': ('wrong", 7)', "the answer 7; expected a text"),
    'wrong", answer) ': ("wrong\", answer, score=float('nan'))", "the score nan; expected a number from 0 to 1"),
}


@pytest.mark.parametrize("old", JUDGED)
def test_what_it_judges_wrongly_is_told_with_the_problem_and_file_and_line(project, old):
    new, expected = JUDGED[old]
    assert old.rstrip() in EXAMPLES["quiz"]
    write_class("quiz", EXAMPLES["quiz"].replace(old.rstrip(), new))
    with pytest.raises(MtpipeError, match=rf"problem p: .*{expected}") as error:
        judged("Rome")
    assert re.search(r"plugins/quiz\.py, line \d+", str(error.value))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return []", "gave 0 judgements of 1 responses; expected one of each"),
        ("return 1 / 0", "fails: ZeroDivisionError: division by zero"),
    ],
)
def test_what_judge_all_does_wrongly_is_told_with_file_and_line(project, body, expected):
    own = f"\n    @classmethod\n    def judge_all(cls, problems, responses, judging, advance):\n        {body}\n"
    write_class("quiz", EXAMPLES["quiz"] + own)
    with pytest.raises(MtpipeError) as error:
        judged("Rome")
    assert expected in str(error.value)
    assert re.search(r"plugins/quiz\.py, line \d+", str(error.value))


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ({"name": "plugins.quiz.Quizz"}, "plugins.quiz has no task 'Quizz'; it has Quiz"),
        ({"name": "plugins.quizz.Quiz"}, "there is no module plugins.quizz, neither in this folder nor installed"),
        ({"name": "quiz"}, "no task has the name 'quiz'; expected a mapping with one of arithmetic, countdown, math"),
        ({"held": 1}, "unknown key 'held'; did you mean 'held_out'?"),
        ({"held_out": 0}, "task.held_out: Input should be greater than or equal to 1"),
    ],
)
def test_a_fault_in_what_names_it_is_told_with_its_key(project, task, expected):
    configure(**task)
    with pytest.raises(MtpipeError, match="task") as error:
        load_params()
    assert expected in str(error.value)


def test_a_chat_template_that_raises_is_told_with_the_checkpoint(project):
    tokenizer = PreTrainedTokenizerFast.from_pretrained("model")
    tokenizer.chat_template = "{{ raise_exception('only pairs') }}"
    tokenizer.save_pretrained("model")
    with pytest.raises(MtpipeError, match="the template of model ends with an error: only pairs"):
        prepare(load_params().task, "model")
