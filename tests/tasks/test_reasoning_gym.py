"""The task reasoning_gym: problems of its data sets, mixed and told apart, their judgement, and faults in settings."""

import json
import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from mtpipe.errors import MtpipeError
from mtpipe.settings.reward import Judging
from mtpipe.tasks.gym import task as gym_task
from mtpipe.tasks.gym.datasets import check, entries
from mtpipe.tasks.gym.mixing import shares
from mtpipe.tasks.gym.scoring import Asked, score_answers
from mtpipe.tasks.gym.task import GymTask
from mtpipe.tasks.judging import judge_responses
from mtpipe.tasks.prepare import prepare

FACTORY = pytest.importorskip("reasoning_gym.factory")
TRIED = {
    "ab": "x",
    "basic_arithmetic": "x",
    "caesar_cipher": "x",
    "calendar_arithmetic": "x",
    "chain_sum": "1e9",
    "countdown": "1+1",
    "family_relationships": "x",
    "isomorphic_strings": "x",
    "knights_knaves": "x",
    "letter_jumble": "x",
    "mini_sudoku": "1 2 3 4",
    "prime_factorization": "2 x 2",
    "puzzle24": "6+6+6+6",
    "spell_backward": "x",
    "tower_of_hanoi": "Move disk 1 from Peg 1 to Peg 2",
    "word_ladder": "COLD,WARM",
    "word_sorting": "x, y",
}
"""Data sets, each with an answer that is wrong."""
HOSTILE = [
    "__import__('os').system('false')", "nan", "inf", "-inf", "1e999999999", "9" * 5000, "[" * 5000, "{}", "[]", "No",
    "\ud800", "\x00", "(" * 3000, "-" * 3000, "٣", "null", "True", "0", " ", "9**9**9", "×", "a" * 10_000,
]  # fmt: skip
SUMS = {"min_terms": 2, "max_terms": 3, "min_digits": 1, "max_digits": 1}


def settings(**changes) -> GymTask:
    """A small mixture of two data sets, with one benchmark."""
    content = {
        "name": "reasoning_gym",
        "train": {"chain_sum": {"weight": 3, "max_terms": 4}, "spell_backward": {}},
        "benchmarks": {"sums": {"dataset": "chain_sum", **SUMS}},
        "train_problems": 40,
        "benchmark_problems": 10,
        "warm_start_problems": 8,
    }
    return GymTask.model_validate(content | changes)


@pytest.fixture(scope="module", autouse=True)
def drawn_once():
    """The process that draws takes seconds to start: a mixture is drawn once, however often it is prepared."""
    draw, found = gym_task.draw_problems, {}

    def once(seed, wanted):
        if (key := repr((seed, wanted))) not in found:
            found[key] = draw(seed, wanted)
        return found[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gym_task, "draw_problems", once)
        yield


@pytest.fixture(scope="module")
def prepared(drawn_once):
    return prepare(settings(), None)


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "sums"])
def test_problems_have_a_prompt_and_their_data_sets_in_proportion(prepared, split):
    rows = prepared.train if split == "train" else prepared.benchmarks[split]
    datasets = [json.loads(row["meta"])["dataset"] for row in rows]
    expected = {"train": ["chain_sum"] * 30 + ["spell_backward"] * 10, "sums": ["chain_sum"] * 10}[split]
    assert sorted(datasets) == expected
    assert split == "sums" or datasets != expected, "they are shuffled into each other"
    for row in rows:
        assert row["prompt"].startswith(json.loads(row["meta"])["question"])
        assert row["prompt"].endswith("put your final answer between <answer> and </answer>.\n")


@pytest.mark.slow
def test_no_question_comes_twice_and_what_was_left_out_is_counted():
    few = {"chain_sum": SUMS | {"max_terms": 2}}
    found = prepare(settings(train=few, train_problems=80, benchmark_problems=80), None)
    prompts = [row["prompt"] for rows in (found.train, *found.benchmarks.values()) for row in rows]
    assert len(set(prompts)) == len(prompts) == 160
    left_out = {source["role"]: source["dropped"] for source in found.sources}
    assert left_out["training"]["also in sums"] > 0
    assert left_out["training"]["duplicate"] > 0
    assert all(source["rows"] - source["kept"] == sum(source["dropped"].values()) for source in found.sources)


@pytest.mark.slow
def test_a_data_set_that_has_too_few_problems_says_how_many():
    few = {"chain_sum": SUMS | {"max_terms": 2}}
    with pytest.raises(MtpipeError, match=r"train\.chain_sum: only \d+ of 900 different problems of chain_sum found"):
        prepare(settings(train=few, train_problems=900), None)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_problems_in_every_process_and_another_does_not():
    """isomorphic_strings and word_ladder go through sets of texts, whose order differs from process to process."""
    content = settings(
        train={"isomorphic_strings": {}, "word_ladder": {}, "chain_sum": {}}, train_problems=6, benchmark_problems=2
    )
    program = (
        "import sys; from mtpipe.tasks.gym.task import GymTask\n"
        "print(GymTask.model_validate_json(sys.argv[1]).prepare(None).train)"
    )
    command = [sys.executable, "-c", program, content.model_dump_json()]
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    elsewhere = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    here, another = (str(content.model_copy(update={"seed": seed}).prepare(None).train) for seed in (0, 1))
    assert elsewhere.strip() == here != another


@pytest.mark.slow
def test_gold_answers_score_one_wrong_ones_less_and_hostile_ones_do_no_harm():
    asked = []
    for name in TRIED:
        for entry in entries(name, {}, "seed", 2, name):
            asked.append(Asked(name, {}, entry.question, entry.answer, entry.metadata))
    golds = [(index, one.answer) for index, one in enumerate(asked)]
    wrong = [(index, TRIED[one.dataset]) for index, one in enumerate(asked)]
    hostile = [(index, text) for index, one in enumerate(asked) for text in HOSTILE if text != one.answer]
    scores = score_answers(asked, [*golds, *wrong, *hostile])
    assert len(TRIED) >= 10
    assert scores[: len(golds)] == [1.0] * len(golds)
    for (index, text), score in zip([*wrong, *hostile], scores[len(golds) :], strict=True):
        assert score in ("timeout", "crashed") or 0.0 <= score < 1.0, (asked[index].dataset, text[:40], score)


RESPONSES = [
    ("1 + 1 is <answer>{}</answer>", "stop", "correct", 1.0),
    ("<answer>5</answer> no: <answer> {} </answer>.", "length", "correct", 1.0),
    ("<answer>{} or so</answer>", "stop", "wrong", None),
    ("<answer>x</answer>", "stop", "wrong", 0.0),
    ("it is {}", "stop", "no_answer", 0.0),
    ("<answer>{}", "stop", "no_answer", 0.0),
    ("<answer> </answer>", "stop", "no_answer", 0.0),
    ("<answer>" * 30_000, "stop", "rejected", 0.0),
    ("<answer>" + "1" * 20_000 + "</answer>", "stop", "rejected", 0.0),
]
"""Texts, `{}` for the right answer, with their finish reasons, verdicts and scores (None: between 0 and 1)."""


@pytest.mark.slow
def test_a_response_has_the_score_of_its_last_answer(prepared):
    problem = next(row for row in prepared.train if json.loads(row["meta"])["dataset"] == "chain_sum")
    rows = judge(problem, [(text.replace("{}", problem["answer"]), reason) for text, reason, *_ in RESPONSES])
    for row, (text, _, verdict, score) in zip(rows, RESPONSES, strict=True):
        assert row["verdict"] == verdict, text[:80]
        assert 0.0 < row["score"] < 1.0 if score is None else row["score"] == score, text[:80]


def judge(problem: dict, responses: list[tuple[str, str]]) -> list[dict]:
    """Texts with their finish reasons, all judged by one process."""
    asked = [
        {"problem_id": problem["problem_id"], "sample": sample, "text": text, "finish_reason": reason}
        for sample, (text, reason) in enumerate(responses)
    ]
    return judge_responses([problem], asked, Judging())


@pytest.mark.slow
def test_worked_answers_are_right_in_the_form_that_is_asked_for(prepared):
    assert len(prepared.examples) == 8
    assert all(row["response"].startswith("<answer>") for row in prepared.examples)
    whole = settings(answer="whole", template="{problem} ")
    problem = whole.prepare(None).train[0]
    row = problem | {"problem_id": "p", "task": "reasoning_gym", "meta": json.dumps(problem["meta"])}
    judged = judge(row, [(problem["answer"], "stop"), (problem["answer"], "length")])
    assert [found["verdict"] for found in judged] == ["correct", "unfinished"]


@pytest.mark.slow
def test_a_template_may_name_fields_of_the_metadata():
    content = settings(template="{metadata.expression}=", train={"chain_sum": SUMS})
    assert all(row["prompt"][-1] == "=" and len(row["prompt"]) <= 10 for row in content.prepare(None).train)
    with pytest.raises(ValueError, match=r"chain_sum has no \{metadata\.word\}; its metadata has .*expression"):
        settings(template="{metadata.word}", train={"chain_sum": SUMS}).prepare(None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": {"chain_sum": {"weight": 0}}}, "train.chain_sum.weight.*0 is no weight; expected more than 0"),
        ({"train": {"chain_sum": {"weight": -1}}}, "-1 is no weight"),
        ({"train": {}}, "at least 1 item"),
        ({"train": {"n_queens": {}}}, r"train\.n_queens: n_queens is refused: its judge runs the answer as Python"),
        ({"benchmarks": {"a": {"dataset": "coin_flip"}}}, r"benchmarks\.a: coin_flip is refused.*full marks"),
        ({"benchmarks": {"warm_start": {"dataset": "ab"}}}, "warm_start is no name for a benchmark"),
        ({"benchmarks": {"ab": {"weight": 2}}}, r"benchmarks\.ab\.weight is 2; .*benchmark has one data set"),
        ({"template": "solve it"}, r"'solve it' has no place for the problem; expected \{problem\}"),
        ({"chat": {"system": "S"}}, "chat is for template: chat"),
        ({"answers": "tag"}, "unknown key 'answers'; did you mean 'answer'"),
    ],
)
def test_faults_in_the_settings_are_told(changes, message):
    with pytest.raises(ValidationError, match=f"(?s){message}"):
        settings(**changes)


@pytest.mark.parametrize(
    ("dataset", "config", "message"),
    [
        ("chain_sums", {}, r"train\.x: reasoning-gym has no data set 'chain_sums'; did you mean chain_sum"),
        ("chain_sum", {"max_term": 3}, r"train\.x\.max_term: chain_sum has no .* \(found 3\); did you mean max_terms"),
        ("chain_sum", {"seed": 3}, r"train\.x\.seed: 3 belongs to the task: give task\.seed"),
        ("chain_sum", {"min_terms": 9}, r"train\.x: chain_sum does not take \{'min_terms': 9\}"),
        ("chain_sum", {"min_terms": "a"}, r"train\.x: chain_sum does not take \{'min_terms': 'a'\}"),
        ("n_queens", {}, r"train\.x: n_queens is refused"),
    ],
)  # fmt: skip
def test_faults_in_a_data_sets_settings_are_told(dataset, config, message):
    with pytest.raises(ValueError, match=message):
        check(dataset, config, "train.x")


def test_a_problem_without_an_answer_is_told(monkeypatch):
    dataset, config = FACTORY.DATASETS["ab"]
    without = type("Without", (dataset,), {"__getitem__": lambda self, index: {"question": "?", "metadata": {}}})
    monkeypatch.setitem(FACTORY.DATASETS, "ab", (without, config))
    with pytest.raises(ValueError, match=r"train\.x: problem 0 of ab has no text 'answer' \(it has question, m"):
        next(entries("ab", {}, "seed", 1, "train.x"))


def test_without_the_package_the_remedy_is_told(monkeypatch):
    monkeypatch.setattr(gym_task, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"not installed; pip install 'mtpipe\[gym\]'"):
        settings().check(None)


@pytest.mark.slow
def test_a_chat_template_needs_a_checkpoint_which_fills_it(monkeypatch):
    with pytest.raises(ValueError, match=r"chat template, and model\.checkpoint is null"):
        settings(template="chat").check(None)
    fill = lambda chat, checkpoint: lambda problem: f"{checkpoint}/{chat.user.replace('{problem}', problem)}"  # noqa: E731
    monkeypatch.setattr(gym_task, "chat_prompts", fill)
    row, *_ = settings(template="chat", chat={"user": "Solve {problem}"}).prepare("model").train
    assert row["prompt"] == f"model/Solve {row['meta']['question']}"


def test_shares_add_up():
    assert shares({"a": 2, "b": 1}, 10) == {"a": 7, "b": 3}
    assert shares({"a": 1, "b": 1, "c": 1}, 2) == {"a": 1, "b": 1, "c": 0}
    assert shares({"a": 0.2, "b": 0.2, "c": 0.6}, 100) == {"a": 20, "b": 20, "c": 60}
