"""An evaluation's rows against answers that are known, from an engine that reads them off a list."""

from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from mtpipe import paths
from mtpipe.evaluate.responses import evaluate
from mtpipe.records import EVALUATION, PROBLEMS, Rollout, read_rows, write_rows
from mtpipe.settings.evaluate import EvaluationOverrides, PolicyEvaluation
from mtpipe.settings.reward import Judging

ANSWERS = {
    "2+3*4>": ("14", ["3*4=12,2+12=14", "2+3=5,5*4=20", "3*4=12,2+12=15", "3*4=12"]),
    "9-2*3>": ("3", ["9-2=7,7*3=21", "2*3=6,9-6=3", "x", "2*3=7,9-7=2"]),
}
EXPECTED = {
    "2+3*4>": [("correct", "14"), ("wrong", "20"), ("false_step", "15"), ("unfinished", "12")],
    "9-2*3>": [("wrong", "21"), ("correct", "3"), ("no_answer", ""), ("false_step", "7")],
}


class Reading:
    """Gives each prompt's listed answers, a token a character and one beyond, the last response first."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.vocabulary = SimpleNamespace(
            encode=lambda text: list(text.encode()), decode=lambda ids: self.texts[ids[0]]
        )
        self.plans: list = []
        self.requests: list = []

    def sample(self, requests, plan) -> Iterator[Rollout]:
        self.plans.append(plan)
        self.requests.append(list(requests))
        for request in reversed(requests):
            text = ANSWERS[bytes(request.prompt_ids).decode()][1][request.sample]
            self.texts.append(text)
            ids = [len(self.texts) - 1] + [0] * len(text)
            cut = "length" if request.sample == 3 else "stop"
            yield Rollout(request.problem_id, request.sample, request.base, request.prompt_ids, ids, finish_reason=cut)


def problem(name: str, prompt: str, task: str = "arithmetic", answer: str | None = None) -> dict[str, str]:
    answer = answer or ANSWERS[prompt][0]
    return {"problem_id": name, "task": task, "split": "x", "prompt": prompt, "answer": answer, "meta": "{}"}


@pytest.fixture
def benchmarks(tmp_path, monkeypatch) -> dict[str, list[str]]:
    """The prompts of two benchmarks, by name; ids that do not stand in the order of the prompts."""
    monkeypatch.chdir(tmp_path)
    found = {"easy": ["9-2*3>", "2+3*4>"], "hard": ["2+3*4>"]}
    for name, prompts in found.items():
        rows = [problem(f"{name}/{len(prompts) - n}", prompt) for n, prompt in enumerate(prompts)]
        write_rows(paths.benchmark(name), rows, PROBLEMS)
    return found


SETTINGS = PolicyEvaluation(
    samples=4,
    temperature=0.8,
    max_new_tokens=30,
    seed=77,
    benchmarks={"hard": EvaluationOverrides(samples=2, temperature=1.2, top_p=0.9, max_new_tokens=9)},
)


def test_every_response_is_written_with_its_own_verdict_length_and_text(benchmarks, tmp_path):
    engine = Reading()
    evaluate(nullcontext(engine), SETTINGS, Judging(), 5, tmp_path / "e.parquet", "test")
    rows = {(row["benchmark"], row["problem_id"], row["sample"]): row for row in read_rows("e.parquet", EVALUATION)}
    assert len(rows) == 2 * 4 + 2
    assert list(rows) == sorted(rows), "in the order of the problems' ids, whichever the engine's"
    for name, prompts in benchmarks.items():
        for number, prompt in enumerate(prompts):
            for sample in range(4 if name == "easy" else 2):
                row = rows[name, f"{name}/{len(prompts) - number}", sample]
                text, (verdict, answer) = ANSWERS[prompt][1][sample], EXPECTED[prompt][sample]
                if sample == 3:
                    verdict = row["verdict"]  # of a response that was cut off
                assert (row["text"], row["verdict"], row["answer"]) == (text, verdict, row["answer"])
                assert row["answer"] == answer
                assert row["correct"] == (row["verdict"] == "correct")
                assert row["tokens"] == len(text) + 1
                assert row["finish_reason"] == ("length" if sample == 3 else "stop")


@pytest.mark.parametrize(("sweep", "easy", "hard"), [(None, 0.8, 1.2), (0.5, 0.5, 0.5)])
def test_each_benchmark_is_sampled_as_its_settings_say(benchmarks, tmp_path, sweep, easy, hard):
    engine = Reading()
    evaluate(nullcontext(engine), SETTINGS, Judging(), 5, tmp_path / "e.parquet", "test", sweep)
    first, second = engine.plans
    assert (first.seed, first.purpose, first.max_new_tokens, first.batch_size) == (77, "evaluation", 30, 5)
    assert (second.seed, second.purpose, second.max_new_tokens, second.batch_size) == (77, "evaluation", 9, 5)
    assert (first.truncation.top_p, second.truncation.top_p) == (1.0, 0.9)
    of_first, of_second = engine.requests
    assert {one.rule.temperature for one in of_first} == {easy}
    assert {one.rule.temperature for one in of_second} == {hard}
    assert [one.sample for one in of_second] == [0, 1]
    assert {one.problem_id for one in of_first} == {"easy/1", "easy/2"}


@pytest.mark.parametrize(("order", "verdict"), [("any", "correct"), ("as_written", "wrong")])
def test_what_counts_as_equal_is_what_it_is_told(tmp_path, monkeypatch, order, verdict):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(ANSWERS, "list>", ("", [r"\boxed{2,1}"]))
    row = problem("m/0", "list>", "math", "1,2") | {"meta": '{"golds": ["1,2"]}'}
    write_rows(paths.benchmark("m"), [row], PROBLEMS)
    settings = PolicyEvaluation(samples=1)
    evaluate(nullcontext(Reading()), settings, Judging(order=order), 5, tmp_path / "e.parquet", "test")
    [found] = read_rows("e.parquet", EVALUATION)
    assert found["verdict"] == verdict
