"""The schema of params.yaml: every setting, its type, its bound, and one sentence about it.

Settings without a default have to stand in params.yaml, where DVC sees them change. That is why no stage
lists this file among its dependencies: it checks values and adds none (an arm's optional parts resolve into
the plan, which DVC tracks too).
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mtpipe.arms.arm import Arm
from mtpipe.arms.plan import plan_round
from mtpipe.errors import MtpipeError
from mtpipe.learn.settings import Update
from mtpipe.settings import Settings, Temperature, faults
from mtpipe.tasks.settings import Task
from mtpipe.temperature.round_plan import RoundPlan

ArmName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Round(Settings):
    """One round: it samples from policy `n` and its update writes policy `next`."""

    n: int = Field(ge=0)
    next: int = Field(ge=1, description="always n + 1, because dvc.yaml cannot add")


class Model(Settings):
    """The policy: a new small Qwen2 by its sizes, or an existing checkpoint by its folder."""

    checkpoint: str | None = Field(description="a folder with a transformers checkpoint; null makes a new model")
    hidden_size: int = Field(ge=8)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _heads_divide(self) -> "Model":
        if self.hidden_size % self.heads:
            raise ValueError(f"heads ({self.heads}) has to divide hidden_size ({self.hidden_size})")
        return self


class Compute(Settings):
    """Where torch computes."""

    device: Literal["auto", "cpu", "cuda"]
    threads: int = Field(ge=1, description="CPU threads; another number may change the last digits of a result")


class WarmStart(Settings):
    """Supervised training before the first round."""

    steps: int = Field(ge=0)
    batch_size: int = Field(ge=1, description="worked answers a step")
    learning_rate: float = Field(gt=0)
    warmup_steps: int = Field(ge=0)
    calibration_responses: int = Field(ge=1, description="responses sampled at T=1 for round 0's entropy quantiles")


class Vllm(Settings):
    """What the vLLM engine is started with; sampling.engine torch reads none of it."""

    dtype: Literal["float32", "bfloat16", "float16", "auto"] = Field(description="of weights and activations")
    quantization: str | None = Field(description="one of vLLM's methods, fp8 say; null for none")
    tensor_parallel_size: int = Field(ge=1, description="processes that share each layer, one a GPU")
    max_model_len: int | None = Field(description="tokens of prompt and response; null takes the model's own limit")
    gpu_memory_utilization: float = Field(gt=0, le=1, description="share of each GPU's memory that vLLM may take")
    kv_cache_gib: float | None = Field(gt=0, description="GiB for the KV cache; null: what the share leaves (CPU: 1)")
    enforce_eager: bool = Field(description="no compilation: slower tokens, faster start")
    engine_args: dict[str, Any] = Field(description="further arguments of vLLM's EngineArgs, by their names there")


class Sampling(Settings):
    """The rollouts of one round, and the engine that samples here and in evaluations."""

    engine: Literal["torch", "vllm", "auto"] = Field(description="auto: vllm where it and a CUDA device are there")
    vllm: Vllm

    prompts: int = Field(ge=1, description="training problems a round")
    group_size: int = Field(ge=2, description="responses a problem; advantages compare them with each other")
    max_new_tokens: int = Field(ge=1)
    batch_size: int = Field(ge=1, description="responses sampled at once; changes speed and memory, not results")


class Ray(Settings):
    """Sampling on several processes or machines; changes speed, not results, so no stage has it among its params."""

    workers: int | None = Field(ge=1, description="engines that sample at once; null: one, in the stage's own process")
    address: str | None = Field(description="of a running Ray cluster, auto say; null starts one on this machine")


class Reward(Settings):
    """What a verdict is worth."""

    correct: float
    wrong: float
    format: float = Field(ge=0, description="added where the answer stands in the form asked for, right or wrong")
    overlong_buffer: int = Field(ge=0, description="last tokens before the limit that are penalised; 0 turns it off")
    overlong_penalty: float = Field(ge=0, description="taken off at the limit, less before it, in a straight line")
    truncated: float | None = Field(description="reward of a response cut off at the limit; null judges it as any")

    @model_validator(mode="after")
    def _correct_is_better(self) -> "Reward":
        if self.correct <= self.wrong:
            raise ValueError(f"correct ({self.correct}) has to be above wrong ({self.wrong})")
        return self


class EvaluationSampling(Settings):
    """How the responses to one benchmark are sampled."""

    samples: int = Field(ge=1, description="responses a problem")
    temperature: Temperature
    top_p: float = Field(gt=0, le=1, description="nucleus: the likeliest tokens that together reach this; 1 keeps all")
    max_new_tokens: int = Field(ge=1, description="tokens a response")


class EvaluationOverrides(Settings):
    """What one benchmark has in the place of the settings above; null leaves them."""

    samples: int | None = Field(default=None, ge=1)
    temperature: Temperature | None = None
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_new_tokens: int | None = Field(default=None, ge=1)


class Evaluate(EvaluationSampling):
    """Held-out evaluation of the warm start and of each arm's policy."""

    after: list[Annotated[int, Field(ge=1)]] = Field(
        min_length=1, description="policies to evaluate, the last included"
    )
    seed: int = Field(ge=0)
    benchmarks: dict[str, EvaluationOverrides] = Field(description="other settings for single benchmarks, by name")
    sweep: list[Annotated[int | float, Field(gt=0)]] = Field(
        description="further temperatures at which the last policies are evaluated, each once more on every benchmark"
    )

    @field_validator("sweep")
    @classmethod
    def _each_once(cls, temperatures: list[int | float]) -> list[int | float]:
        if len(set(temperatures)) < len(temperatures):
            raise ValueError(f"{temperatures} lists a temperature more than once")
        return temperatures

    def of(self, benchmark: str) -> EvaluationSampling:
        """The settings of one benchmark."""
        settings = self.model_dump(include=set(EvaluationSampling.model_fields))
        if benchmark in self.benchmarks:
            settings |= self.benchmarks[benchmark].model_dump(exclude_none=True)
        return EvaluationSampling(**settings)


class Report(Settings):
    """Tables and pictures."""

    baseline: str = Field(description="the arm that the others are compared with")
    resamples: int = Field(ge=100, description="bootstrap resamples")
    confidence: float = Field(gt=0.5, lt=1)


class Tracking(Settings):
    """What MLflow is told."""

    uri: str | None = Field(description="a tracking URI; null means sqlite in mlflow/")
    experiment: str = Field(min_length=1)
    sample_rollouts: int = Field(ge=0, description="responses of the last round kept as an artifact")
    live: bool = Field(description="whether running rollouts and updates log their progress to MLflow")


class Params(Settings):
    """params.yaml as a whole."""

    arms: list[ArmName] = Field(min_length=1, description="the arms that run")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, description="each arm runs once per seed")
    rounds: list[Round] = Field(min_length=1)
    temperature: dict[ArmName, Arm]
    task: Task
    model: Model
    compute: Compute
    sft: WarmStart
    sampling: Sampling
    ray: Ray
    reward: Reward
    update: Update
    evaluate: Evaluate
    report: Report
    tracking: Tracking

    @field_validator("arms", "seeds")
    @classmethod
    def _unique(cls, names: list[Any]) -> list[Any]:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"listed more than once: {', '.join(map(str, twice))}")
        return names

    @model_validator(mode="after")
    def _parts_fit(self) -> "Params":
        for index, round in enumerate(self.rounds):
            if (round.n, round.next) != (index, index + 1):
                raise ValueError(
                    f"rounds[{index}] is {{n: {round.n}, next: {round.next}}}; "
                    f"expected {{n: {index}, next: {index + 1}}}"
                )
        for name in self.arms:
            if name not in self.temperature:
                raise ValueError(f"arm {name!r} is listed in arms, but temperature has no entry {name!r}")
        if self.report.baseline not in self.arms:
            raise ValueError(f"report.baseline is {self.report.baseline!r}; expected one of {', '.join(self.arms)}")
        if sorted(set(self.evaluate.after)) != self.evaluate.after or self.evaluate.after[-1] != len(self.rounds):
            raise ValueError(
                f"evaluate.after is {self.evaluate.after}; expected ascending policy numbers that end with "
                f"{len(self.rounds)}, the policy of the last round"
            )
        unknown = sorted(set(self.evaluate.benchmarks) - set(self.task.benchmark_names))
        if unknown:
            raise ValueError(
                f"evaluate.benchmarks has an entry {unknown[0]!r}; "
                f"the benchmarks of task {self.task.name} are {', '.join(self.task.benchmark_names)}"
            )
        if self.update.processes > 1 and self.update.optimizer == "adamw_8bit":
            raise ValueError(
                f"update.optimizer is adamw_8bit, which one process keeps whole, and update.processes is "
                f"{self.update.processes}; set the one to adamw or the other to 1"
            )
        if self.update.prompts_per_step > self.sampling.prompts:
            raise ValueError(
                f"update.prompts_per_step is {self.update.prompts_per_step}; "
                f"expected at most sampling.prompts ({self.sampling.prompts})"
            )
        for name in self.arms:
            self._check_arm(f"temperature.{name}", self.temperature[name])
        if self.sft.steps and not self.task.has_worked_answers:
            raise ValueError(
                f"sft.steps is {self.sft.steps}, but task {self.task.name} has no worked answers; set it to 0"
            )
        if self.reward.overlong_buffer > self.sampling.max_new_tokens:
            raise ValueError(
                f"reward.overlong_buffer is {self.reward.overlong_buffer}; "
                f"expected at most sampling.max_new_tokens ({self.sampling.max_new_tokens})"
            )
        self.plans()
        return self

    def _check_arm(self, where: str, arm: Arm) -> None:
        """Refuses what an arm asks for and another section cannot give."""
        try:
            update = self.update.overridden(arm.update)
        except ValueError as error:
            raise ValueError(f"{where}.update: {error}") from None
        one_batch = self.sampling.engine != "vllm" and self.ray.workers is None
        if arm.token.resolved.batch_dependent and not one_batch:
            raise ValueError(
                f"{where}.token is {arm.token.kind}, which depends on all that one process samples at the time; set "
                f"sampling.engine to torch and ray.workers to null, or take entropy_threshold with a quantile"
            )
        drawn = arm.spread.drawn if arm.spread else None
        if drawn is not None and not drawn.discrete and update.baseline == "temperature":
            raise ValueError(
                f"{where}.spread.drawn is {drawn.kind}: no two responses share a temperature, and update.baseline "
                f"temperature compares those that do; set it to group, or draw from a choice"
            )
        if arm.truncation.cuts and self.sampling.engine == "vllm":
            raise ValueError(
                f"{where}.truncation: the vllm engine does not record which tokens were left to draw from, and the "
                f"update needs them; set sampling.engine to torch"
            )
        if arm.truncation.cuts and update.target == "untempered":
            raise ValueError(
                f"{where}.truncation: update.target is untempered, whose importance weights correct nothing for tokens "
                f"that were never left to draw from; set it to tempered"
            )

    def plans(self) -> list[RoundPlan]:
        """The resolved temperatures of every listed arm and round, arm by arm."""
        return [
            plan_round(name, self.temperature[name], round.n, self.sampling.group_size)
            for name in self.arms
            for round in self.rounds
        ]


def load_params(path: Path | str = "params.yaml") -> Params:
    """Reads and checks params.yaml.

    Raises MtpipeError with one line a fault: the key, what is wrong, and the value found.
    """
    try:
        found = YAML(typ="safe", pure=True).load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MtpipeError(f"{path} is missing; run from the project's root") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise MtpipeError(f"{path} is not readable as YAML: {error}") from None
    if not isinstance(found, dict):
        raise MtpipeError(f"{path} is empty or no mapping; expected the sections {', '.join(Params.model_fields)}")
    try:
        return Params.model_validate(found)
    except ValidationError as error:
        raise MtpipeError(f"{path}:\n" + "\n".join(f"  {line}" for line in faults(error))) from None
