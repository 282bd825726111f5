"""Mathematics: from data sets to problems with prompts and golds, and a tally of every row that was left out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from tokenizers import Tokenizer

from mtpipe.errors import MtpipeError
from mtpipe.hub import checkpoint_folder
from mtpipe.settings.reward import Judging
from mtpipe.settings.task import Chat, Source, SourceName
from mtpipe.settings.templates import CHAT, PLACE, Extraction, Template, find_template
from mtpipe.tasks.candidates import Candidate, find_candidates, gold_meta, problem_row, rank
from mtpipe.tasks.chat import chat_prompts
from mtpipe.tasks.decontamination import Benchmarks
from mtpipe.tasks.prepared import Prepared
from mtpipe.tasks.row_tally import RowTally
from mtpipe.tasks.sources import Role, load
from mtpipe.tasks.task import Task
from mtpipe.verify.answers import judge_problem_responses, verify_themselves
from mtpipe.verify.compare.rules import Rules
from mtpipe.verify.judgement import Judgement


class MathTask(Task):
    """Mathematics problems from data sets, with free-form answers."""

    name: Literal["math"]
    seed: int = Field(default=0, ge=0, description="chooses the problems where a source has a `count`")
    template: str = Field(
        default="qwen_math",
        description="qwen_math, qwen_boxed, r1, dapo, none, chat (the checkpoint's own), or a text with {problem}",
    )
    chat: Chat = Chat()
    extraction: Extraction | None = Field(
        default=None, description="where a response has its answer; null: as the template asks for, else boxed"
    )
    stop: list[Annotated[str, Field(min_length=1)]] | None = Field(
        default=None, description="texts that end a response; null: as the template needs"
    )
    max_prompt_tokens: int = Field(
        default=800, ge=1, description="problems with a longer prompt are dropped, and counted"
    )
    train: dict[SourceName, Source] = Field(min_length=1)
    benchmarks: dict[SourceName, Source] = Field(min_length=1)

    @field_validator("template")
    @classmethod
    def _template_is_known(cls, template: str) -> str:
        if template != CHAT:
            find_template(template)
        return template

    @model_validator(mode="after")
    def _chat_is_used(self) -> "MathTask":
        self.chat.check_used(self.template)
        return self

    @property
    def benchmark_names(self) -> list[str]:
        return list(self.benchmarks)

    def benchmark_size(self, name: str) -> int | None:
        return self.benchmarks[name].count

    def check(self, checkpoint: str | None) -> None:
        self.chat.check_had(self.template, checkpoint)

    def prepare(self, checkpoint: str | None) -> Prepared:
        """Loads every source, benchmarks first, because training problems that stand in one are dropped.

        Raises MtpipeError if a source cannot be read, has another digest than params.yaml says, or keeps no problem.
        """
        reader = _Reader(self, checkpoint)
        benchmarks = {name: reader.read_benchmark(name, source) for name, source in self.benchmarks.items()}
        train = reader.read_training(self.train)
        return Prepared(
            train,
            benchmarks,
            sources=[tally.as_dict() for tally in reader.accounts],
            dropped=[row for tally in reader.accounts for row in tally.listed],
        )

    @staticmethod
    def judge(problem: dict[str, Any], text: str, finish_reason: str) -> Judgement:
        [judgement] = judge_problem_responses([problem], [text], Rules(), lambda: None)
        return judgement

    @classmethod
    def judge_all(
        cls,
        problems: list[dict[str, Any]],
        responses: list[dict[str, Any]],
        judging: Judging,
        advance: Callable[[], object],
    ) -> list[Judgement]:
        """All together, because hostile answers are compared in processes of their own."""
        texts = [response["text"] for response in responses]
        return judge_problem_responses(problems, texts, Rules(**judging.model_dump()), advance)


class _Reader:
    """Reads one source after the other, and remembers the benchmarks' problems."""

    def __init__(self, task: MathTask, checkpoint: str | None):
        self.accounts: list[RowTally] = []
        self._task = task
        self._template = _template(task)
        self._prompt = chat_prompts(task.chat, checkpoint) if task.template == CHAT else self._template.prompt
        self._tokens = _token_counter(checkpoint)
        self._held_out: list[tuple[str, str]] = []

    def read_benchmark(self, name: str, source: Source) -> list[dict[str, Any]]:
        """Rows of records.PROBLEMS."""
        tally, candidates = self._read(name, source, "benchmarks", seen={})
        self._held_out += [(name, candidate.question) for candidate in candidates]
        chosen = self._choose(candidates, source.count, tally)
        return [problem_row(candidate, name, name, name, self._template) for candidate in chosen]

    def read_training(self, sources: dict[str, Source]) -> list[dict[str, Any]]:
        """Rows of records.PROBLEMS; a problem that stands in two sources is taken from the first."""
        held_out, seen, rows = Benchmarks(self._held_out), dict[str, str](), []
        for name, source in sources.items():
            tally, candidates = self._read(name, source, "train", seen)
            clean = []
            for candidate in candidates:
                if (overlap := held_out.containing(candidate.question)) is None:
                    clean.append(candidate)
                else:
                    candidate.drop(tally, "in a benchmark", " ".join(overlap))
            chosen = self._choose(clean, source.count, tally)
            rows += [problem_row(candidate, f"train-{name}", "train", name, self._template) for candidate in chosen]
        return rows

    def _read(self, name: str, source: Source, role: Role, seen: dict[str, str]) -> tuple[RowTally, list[Candidate]]:
        loaded = load(source, role, name)
        tally = RowTally(name, role, loaded.origin)
        self.accounts.append(tally)
        candidates = find_candidates(loaded, source.difficulty, self._prompt, seen, tally)
        if source.digest not in (None, tally.digest):
            raise MtpipeError(
                f"params.yaml: task.{role}.{name}.digest is {source.digest}, and what was loaded has {tally.digest}: "
                f"other rows than those that were pinned"
            )
        return tally, candidates

    def _choose(self, candidates: list[Candidate], count: int | None, tally: RowTally) -> list[Candidate]:
        """The first `count` candidates, in an order of their own, with golds that verify and prompts short enough.

        A problem's place in that order depends on the seed and its text alone, so that a filter or a new row does not
        choose all others anew. Only as many golds are verified as it takes.
        """
        waiting = []
        for candidate in candidates:
            if (length := self._tokens(candidate.prompt)) <= self._task.max_prompt_tokens:
                waiting.append(candidate)
            else:
                candidate.drop(tally, "prompt too long", f"{length} tokens")
        wanted = len(waiting) if count is None else count
        waiting.sort(key=lambda candidate: rank(candidate.question, self._task.seed))
        chosen: list[Candidate] = []
        while waiting and len(chosen) < wanted:
            chunk, waiting = waiting[: wanted - len(chosen)], waiting[wanted - len(chosen) :]
            for candidate, holds in zip(chunk, verify_themselves([gold_meta(one) for one in chunk]), strict=True):
                if holds:
                    chosen.append(candidate)
                else:
                    detail = f"does not verify against itself: {', '.join(candidate.golds.texts)}"
                    candidate.drop(tally, "no usable gold", detail)
        if waiting:
            tally.count("not chosen", len(waiting))
        chosen.sort(key=lambda candidate: candidate.row)
        tally.keep([candidate.prompt for candidate in chosen])
        print(tally)
        if not chosen:
            raise MtpipeError(f"params.yaml: task has a data set that leaves no problem, {tally}")
        return chosen


def _template(task: MathTask) -> Template:
    template = Template(PLACE) if task.template == CHAT else find_template(task.template)
    if task.extraction is not None:
        template = replace(template, extraction=task.extraction)
    return template if task.stop is None else replace(template, stop=tuple(task.stop))


def _token_counter(checkpoint: str | None) -> Callable[[str], int]:
    """Counts a prompt's tokens as the policy will; a new model reads bytes."""
    if checkpoint is None:
        return lambda prompt: len(prompt.encode())
    file = checkpoint_folder(checkpoint) / "tokenizer.json"
    if not file.is_file():
        raise MtpipeError(f"params.yaml: model.checkpoint is {checkpoint!r}, which has no tokenizer.json")
    tokenizer = Tokenizer.from_file(str(file))
    return lambda prompt: len(tokenizer.encode(prompt, add_special_tokens=False).ids)
