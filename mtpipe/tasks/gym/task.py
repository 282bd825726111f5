"""The task `reasoning_gym`: its settings, its problems with prompts, and the judgement of responses."""

import hashlib
import json
import random
import re
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from mtpipe.settings.base import Settings
from mtpipe.settings.reward import Judging
from mtpipe.settings.task import Chat, SourceName
from mtpipe.settings.templates import CHAT, PLACE
from mtpipe.tasks.chat import chat_prompts
from mtpipe.tasks.gym.mixing import DrawnProblems, Wanted, draw_problems, shares
from mtpipe.tasks.gym.refused import REFUSED
from mtpipe.tasks.gym.scoring import Asked, score_answers
from mtpipe.tasks.prepared import Prepared
from mtpipe.tasks.task import Task
from mtpipe.verify.guard import LONGEST_RESPONSE
from mtpipe.verify.judgement import Judgement

_WORKED = "warm_start"
_START, _END = "<answer>", "</answer>"
_LONGEST_ANSWER = 10_000
_FORM = f"Think step by step, and put your final answer between {_START} and {_END}."
_A_PLACE = re.compile(r"\{(problem|metadata\.\w+)\}", re.ASCII)


class GymDataset(Settings):
    """One data set of the mixture; what is no key of these is a setting of the data set itself."""

    dataset: str | None = Field(default=None, description="null: the one that it is named for")
    weight: float = Field(default=1.0, description="its share of the problems, in proportion to the others'")
    settings: dict[str, Any] = Field(default={}, description="what the data set's own configuration takes")

    @model_validator(mode="before")
    @classmethod
    def _settings_stand_beside(cls, found: Any) -> Any:
        """`{weight: 2, max_terms: 4}` is short for `{weight: 2, settings: {max_terms: 4}}`."""
        if not isinstance(found, dict):
            return found
        own = {key: value for key, value in found.items() if key in cls.model_fields}
        beside = {key: value for key, value in found.items() if key not in cls.model_fields}
        return own | {"settings": {**own.get("settings", {}), **beside}} if beside else own

    @field_validator("weight")
    @classmethod
    def _counts(cls, weight: float) -> float:
        if weight <= 0:
            raise ValueError(f"{weight:g} is no weight; expected more than 0; to be without it, leave the data set out")
        return weight


class GymChat(Chat):
    """What a chat model's own template is filled with."""

    user: str = Field(default=f"{PLACE}\n{_FORM}", description="the user's message, with {problem} in it")


class GymTask(Task):
    """Generated problems of reasoning-gym, with partial credit."""

    name: Literal["reasoning_gym"]
    seed: int = Field(default=0, ge=0)
    template: str = Field(
        default=f"{PLACE}\n{_FORM}\n",
        description="a text with {problem}, or with its metadata, {metadata.word} say; chat: the checkpoint's own",
    )
    chat: GymChat = GymChat()
    answer: Literal["tag", "whole"] = Field(
        default="tag", description="where a response has its answer: in the last <answer>…</answer>, or it is all of it"
    )
    train_problems: int = Field(default=8000, ge=1)
    benchmark_problems: int = Field(default=500, ge=1, description="of each benchmark")
    warm_start_problems: int = Field(
        default=0, ge=0, description="problems with their answers, as those of training, for a warm start; 0: none"
    )
    train: dict[SourceName, GymDataset] = Field(min_length=1)
    benchmarks: dict[SourceName, GymDataset] = Field(min_length=1)

    @field_validator("template")
    @classmethod
    def _asks(cls, template: str) -> str:
        if template != CHAT and _A_PLACE.search(template) is None:
            raise ValueError(f"{template!r} has no place for the problem; expected {PLACE} in it, or {CHAT}")
        return template

    @model_validator(mode="after")
    def _chat_is_used(self) -> "GymTask":
        self.chat.check_used(self.template)
        return self

    @model_validator(mode="after")
    def _can_be_had(self) -> "GymTask":
        for role, sources in {"train": self.train, "benchmarks": self.benchmarks}.items():
            for name, source in sources.items():
                if (dataset := source.dataset or name) in REFUSED:
                    raise ValueError(
                        f"{role}.{name}: {dataset} is refused: {REFUSED[dataset]}; take another (docs/reasoning-gym.md)"
                    )
        for name, source in self.benchmarks.items():
            if name == _WORKED:
                raise ValueError(f"{_WORKED} is no name for a benchmark; the training problems with answers have it")
            if source.weight != 1.0:
                raise ValueError(
                    f"benchmarks.{name}.weight is {source.weight:g}; a benchmark has one data set: leave the weight out"
                )
        return self

    @property
    def has_worked_answers(self) -> bool:  # type: ignore[override]  # here it depends on a setting
        return self.warm_start_problems > 0

    @property
    def benchmark_names(self) -> list[str]:
        return list(self.benchmarks)

    def benchmark_size(self, name: str) -> int | None:
        return self.benchmark_problems

    def check(self, checkpoint: str | None) -> None:
        self.chat.check_had(self.template, checkpoint)
        if find_spec("reasoning_gym") is None:
            raise ValueError("name is reasoning_gym, which is not installed; pip install 'mtpipe[gym]' installs it")

    def prepare(self, checkpoint: str | None) -> Prepared:
        prompt = self._prompts(checkpoint)
        wanted = [
            Wanted(name, f"benchmarks.{name}", source.dataset or name, source.settings, self.benchmark_problems)
            for name, source in self.benchmarks.items()
        ]
        wanted += self._mixture(_WORKED, self.warm_start_problems)
        wanted += self._mixture("train", self.train_problems)
        splits: dict[str, list[Asked]] = {}
        sources = []
        for one, drawn in zip(wanted, draw_problems(self.seed, wanted), strict=True):
            splits.setdefault(one.split, []).extend(drawn.problems)
            if one.split != _WORKED:
                sources.append(_source(one, drawn, prompt))
        examples = [self._example(asked, prompt) for asked in splits.pop(_WORKED, [])]
        rows = {split: self._rows(problems, split, prompt) for split, problems in splits.items()}
        return Prepared(rows.pop("train"), rows, examples, sources)

    @staticmethod
    def judge(problem: dict[str, Any], text: str, finish_reason: str) -> Judgement:
        response = {"text": text, "finish_reason": finish_reason}
        return GymTask.judge_all([problem], [response], Judging(), lambda: None)[0]

    @classmethod
    def judge_all(
        cls,
        problems: list[dict[str, Any]],
        responses: list[dict[str, Any]],
        judging: Judging,
        advance: Callable[[], object],
    ) -> list[Judgement]:
        """All answers in one process, which is started anew for each call: a second or two."""
        asked: dict[str, int] = {}
        metas: list[dict[str, Any]] = []
        answers: list[tuple[int, str]] = []
        found: dict[int, Judgement] = {}
        waiting: list[int] = []
        for index, (problem, response) in enumerate(zip(problems, responses, strict=True)):
            if problem["problem_id"] not in asked:
                asked[problem["problem_id"]] = len(metas)
                metas.append(json.loads(problem["meta"]) | {"answer": problem["answer"]})
            number = asked[problem["problem_id"]]
            answer = _answer(response["text"], response["finish_reason"], metas[number]["form"])
            if isinstance(answer, Judgement):
                found[index] = answer
                advance()
            else:
                waiting.append(index)
                answers.append((number, answer))
        shown = [Asked(**{key: value for key, value in meta.items() if key not in ("form", "stop")}) for meta in metas]
        scores = score_answers(shown, answers, advance)
        for index, (_, answer), score in zip(waiting, answers, scores, strict=True):
            found[index] = _judgement(answer, score)
        return [found[index] for index in range(len(responses))]

    def _mixture(self, split: str, count: int) -> list[Wanted]:
        counts = shares({name: source.weight for name, source in self.train.items()}, count)
        return [
            Wanted(split, f"train.{name}", self.train[name].dataset or name, self.train[name].settings, wanted)
            for name, wanted in counts.items()
            if wanted
        ]

    def _prompts(self, checkpoint: str | None) -> Callable[[Asked], str]:
        if self.template != CHAT:
            return lambda asked: _filled(self.template, asked)
        ask = chat_prompts(self.chat, checkpoint)
        return lambda asked: ask(asked.question)

    def _rows(self, problems: list[Asked], split: str, prompt: Callable[[Asked], str]) -> list[dict[str, Any]]:
        """Rows of records.PROBLEMS without ids, those of all data sets shuffled into each other."""
        form = {"form": self.answer} | ({"stop": [_END]} if self.answer == "tag" else {})
        rows = [
            {
                "prompt": prompt(asked),
                "answer": asked.answer,
                "meta": {key: value for key, value in vars(asked).items() if key != "answer"} | form,
            }
            for asked in problems
        ]
        random.Random(f"reasoning_gym/{self.seed}/{split}").shuffle(rows)
        return rows

    def _example(self, asked: Asked, prompt: Callable[[Asked], str]) -> dict[str, str]:
        response = asked.answer if self.answer == "whole" else f"{_START}{asked.answer}{_END}"
        return {"prompt": prompt(asked), "response": response}


def _filled(template: str, asked: Asked) -> str:
    """Raises ValueError if the template names a field that the problem's metadata lacks."""

    def value(place: re.Match[str]) -> str:
        if place[1] == "problem":
            return asked.question
        field = place[1].removeprefix("metadata.")
        if field not in asked.metadata:
            raise ValueError(
                f"template: {asked.dataset} has no {place[0]}; its metadata has {', '.join(sorted(asked.metadata))}"
            )
        return str(asked.metadata[field])

    return _A_PLACE.sub(value, template)


def _source(wanted: Wanted, drawn: DrawnProblems, prompt: Callable[[Asked], str]) -> dict[str, Any]:
    """A data set's entry in data/problems/sources.json."""
    digest = hashlib.sha256()
    for asked in drawn.problems:
        digest.update(json.dumps([asked.question, asked.answer]).encode() + b"\n")
    return {
        "name": wanted.key.partition(".")[2],
        "role": "training" if wanted.split == "train" else "benchmark",
        "files": [f"reasoning-gym {version('reasoning-gym')}: {wanted.dataset}"],
        "digest": digest.hexdigest(),
        "rows": len(drawn.problems) + sum(drawn.left_out.values()),
        "kept": len(drawn.problems),
        "dropped": dict(sorted(drawn.left_out.items())),
        "first_prompt": prompt(drawn.problems[0]),
    }


def _answer(text: str, finish_reason: str, form: str) -> str | Judgement:
    """The answer of a response, or why there is none to score. Linear in the response."""
    if len(text) > LONGEST_RESPONSE:
        return Judgement("rejected", "", f"{len(text)} characters; at most {LONGEST_RESPONSE} are judged")
    if form == "whole":
        if finish_reason == "length":
            return Judgement("unfinished", text[:200], "cut off, and the answer is the whole response")
        answer = text.strip()
    else:
        before, ended, _ = text.rpartition(_END)
        _, started, answer = before.rpartition(_START)
        if not (ended and started):
            return Judgement("no_answer", "", f"no {_START}…{_END}")
        answer = answer.strip()
    if not answer:
        return Judgement("no_answer", "", "empty")
    if len(answer) > _LONGEST_ANSWER:
        return Judgement("rejected", answer[:200], f"{len(answer)} characters; at most {_LONGEST_ANSWER} are judged")
    return answer


def _judgement(answer: str, score: float | str) -> Judgement:
    if isinstance(score, str):
        return Judgement(score, answer[:200], "its judge ran out of time" if score == "timeout" else "its judge ended")
    if score == 1.0:
        return Judgement("correct", answer[:200])
    return Judgement("wrong", answer[:200], f"a score of {score:g}", score)
