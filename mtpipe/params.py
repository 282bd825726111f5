"""The schema of params.yaml as a whole: its sections, what they ask of each other, and the plans they lead to.

Stages read their settings from their own plan (mtpipe.run.stage_plan), so an edit of this file re-runs the stages that
take all of params.yaml, and no other.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from mtpipe.errors import MtpipeError
from mtpipe.settings.base import PARAMS, Settings, faults, read_yaml
from mtpipe.settings.evaluate import Evaluate
from mtpipe.settings.flow import flow
from mtpipe.settings.model import NF4, Compute, Model, WarmStart
from mtpipe.settings.outputs import Report, Storage, Tracking
from mtpipe.settings.plugins import own_code
from mtpipe.settings.reward import RefillJudge, Reward
from mtpipe.settings.rounds import Round, spelled_out
from mtpipe.settings.sampling import LORA_RANKS, Ray, Sampling
from mtpipe.settings.update import Update, tolerance_of
from mtpipe.tasks.task import AnyTask
from mtpipe.temperature.arm import Arm
from mtpipe.temperature.planning import plan_round
from mtpipe.temperature.round_plan import RoundPlan

ArmName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


_JUDGE = ".".join(["mtpipe", "tasks", "verdicts", "rewarded_verdicts"])
"""In pieces: a module that is named in one makes its code part of every stage's that reaches this file."""

ARMS: dict[str, dict[str, Any]] = {
    "uniform": {"schedule": {"kind": "constant", "value": 1.0}},
    "token": {
        "token": {
            "kind": "entropy_threshold",
            "low": 1.0,
            "high": 1.2,
            "threshold": {"quantile": 0.8},
            "moves": "high",
        }
    },
    "spread": {
        "schedule": {"kind": "constant", "value": 1.0},
        "spread": {"offsets": [0.0, 0.0, -0.1, 0.1, -0.2, 0.2, -0.3, 0.3]},
    },
    "linear": {"schedule": {"kind": "linear", "start": 1.0, "end": 1.4, "over": 4}},
    "spike": {"schedule": {"kind": "staircase", "start": 1.0, "increment": 0.1, "every": 2}},
}
"""The arms as they are shipped."""


class Params(Settings):
    """params.yaml as a whole. `Params()` is how it is shipped: each setting has its default here and nowhere else."""

    arms: list[ArmName] = Field(default=list(ARMS), min_length=1, description="the arms that run")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        default=[1], min_length=1, description="each arm runs once per seed"
    )
    rounds: list[Round] = Field(default=spelled_out(5), min_length=1)
    temperature: dict[ArmName, Arm] = Field(default={name: Arm.model_validate(arm) for name, arm in ARMS.items()})
    task: AnyTask = Field(default={"name": "arithmetic"}, validate_default=True)
    model: Model = Model()
    compute: Compute = Compute()
    warm_start: WarmStart = WarmStart()
    sampling: Sampling = Sampling()
    ray: Ray = Ray()
    reward: Reward = Reward()
    update: Update = Update()
    evaluate: Evaluate = Evaluate()
    report: Report = Report()
    storage: Storage = Storage()
    tracking: Tracking = Tracking()

    @field_validator("rounds", mode="before")
    @classmethod
    def _spelled_out(cls, rounds: Any) -> Any:
        return spelled_out(rounds) if isinstance(rounds, int) and not isinstance(rounds, bool) else rounds

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
        if self.model.lora and self.sampling.engine != "torch":
            largest = self.sampling.vllm.engine_args.get("max_lora_rank", LORA_RANKS[-1])
            if self.model.lora.rank > largest:
                raise ValueError(
                    f"model.lora.rank is {self.model.lora.rank}, and vLLM takes adapters of at most {largest} "
                    f"(sampling.vllm.engine_args.max_lora_rank: one of {', '.join(map(str, LORA_RANKS))}); lower the "
                    f"rank, or raise that, or sample with sampling.engine torch"
                )
        self._check_base()
        self._check_ray()
        if self.update.prompts_per_step > self.sampling.prompts:
            raise ValueError(
                f"update.prompts_per_step is {self.update.prompts_per_step}; "
                f"expected at most sampling.prompts ({self.sampling.prompts})"
            )
        for name in self.arms:
            self._check_arm(f"temperature.{name}", self.temperature[name])
        if self.warm_start.steps and not self.task.has_worked_answers:
            raise ValueError(
                f"warm_start.steps is {self.warm_start.steps}, but task {self.task.name} has no worked answers; "
                f"set it to 0"
            )
        with own_code(self.task.name):
            self.task.check(self.model.checkpoint)
        if self.reward.overlong_buffer > self.sampling.max_new_tokens:
            raise ValueError(
                f"reward.overlong_buffer is {self.reward.overlong_buffer}; "
                f"expected at most sampling.max_new_tokens ({self.sampling.max_new_tokens})"
            )
        self.plans()
        return self

    def _check_base(self) -> None:
        """Refuses a base in 4 bits that update or engine cannot have, or that one of the two has alone."""
        base, engine = self.model.lora and self.model.lora.base, self.sampling.vllm.quantization
        if base and self.update.processes > 1:
            raise ValueError(
                f"model.lora.base is {base}, which one process keeps whole, and update.processes is "
                f"{self.update.processes}; set the one to null or the other to 1"
            )
        if self.sampling.engine == "torch" or NF4 not in (base, engine) or base == engine:
            return
        if engine == NF4 or self.update.logprob_tolerance is None:
            raise ValueError(
                f"model.lora.base is {base or 'null'} and sampling.vllm.quantization {engine or 'null'}: vLLM would "
                f"sample from another base than the adapter is trained on; set both to {NF4}, or neither"
                + ("" if engine == NF4 else ", or say in update.logprob_tolerance how far apart they may be")
            )

    def _check_ray(self) -> None:
        """There is one way to ask for several engines of one kind."""
        parallel = self.sampling.vllm.data_parallel
        if self.ray.workers and self.sampling.engine != "torch" and parallel > 1:
            raise ValueError(
                f"ray.workers is {self.ray.workers}, each of which is one engine, and sampling.vllm.data_parallel is "
                f"{parallel}; set that to 1, or ray.workers to null to sample on this machine alone"
            )
        if self.ray.workers and self.sampling.engine == "vllm" and self.ray.address is None:
            raise ValueError(
                f"ray.workers is {self.ray.workers} without ray.address; for vLLM on one machine set ray.workers to "
                f"null and sampling.vllm.data_parallel to {self.ray.workers}, whose engines start once for all stages"
            )

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
        if arm.truncation.cuts and update.target == "untempered":
            raise ValueError(
                f"{where}.truncation: update.target is untempered, whose importance weights correct nothing for tokens "
                f"that were never left to draw from; set it to tempered"
            )

        if arm.mixed_cuts is not None and update.target == "tempered":
            raise ValueError(
                f"{where}.mixed_cuts: update.target is tempered, and a token that was drawn evenly has no gradient "
                f"under what it was drawn from; set {where}.update to {{target: untempered, importance: "
                f"none}}, or to {{target: untempered}} for weights that correct the draw"
            )

    @property
    def refill_judge(self) -> RefillJudge | None:
        """What judges while a refilled round is sampled; None without a refill, so that no rollout depends on it."""
        return RefillJudge(function=_JUDGE, task=self.task.name, reward=self.reward) if self.sampling.refill else None

    def update_of(self, arm: str) -> Update:
        """The settings of an arm's updates, with the tolerance that the precisions of engine and update ask for."""
        own = self.update.overridden(self.temperature[arm].update)
        tolerance = own.logprob_tolerance or tolerance_of(own.precision, *self.sampling.precisions)
        return own.model_copy(update={"logprob_tolerance": tolerance})

    def policy_round(self, arm: str, seed: int, round: int | None) -> int:
        """The round that a policy samples, by default the last; raises MtpipeError if the run has no such policy."""
        last = len(self.rounds)
        round = last if round is None else round
        if arm not in self.arms or seed not in self.seeds or not 0 <= round <= last:
            raise MtpipeError(
                f"no policy of arm {arm!r}, seed {seed}, round {round}; params.yaml has the arms "
                f"{', '.join(self.arms)}, the seeds {', '.join(map(str, self.seeds))}, and policies of "
                f"rounds 0 to {last}"
            )
        return round

    def plans(self) -> list[RoundPlan]:
        """The resolved temperatures of every listed arm and round, arm by arm."""
        return [
            plan_round(name, self.temperature[name], round.n, self.sampling.group_size)
            for name in self.arms
            for round in self.rounds
        ]


def load_params(path: Path | str = PARAMS) -> Params:
    """Reads and checks params.yaml.

    Raises MtpipeError with one line a fault: the key, what is wrong, and the value found.
    """
    try:
        return Params.model_validate(read_yaml(Path(path)))
    except ValidationError as error:
        raise MtpipeError(f"{path}:\n" + "\n".join(f"  {line}" for line in faults(error))) from None


def differences(
    params: Params, sections: Collection[str] | None = None, others: Params | None = None
) -> list[tuple[str, str, str]]:
    """How settings differ from others, the shipped ones: the key, the other value (– for none), and the value here.

    Values are compared, not their spelling. An arm is one setting. Arms that are not listed in `arms` do not count.
    """
    others, here = others or Params(), params
    found = []
    for name in Params.model_fields if sections is None else sections:
        theirs, ours = _entries(others, name), _entries(here, name)
        for key, (value, text) in ours.items():
            value_there, text_there = theirs.get(key, (None, "–"))
            if key not in theirs or value != value_there:
                found.append((key, text_there, text))
    return found


def _entries(params: Params, section: str) -> dict[str, tuple[Any, str]]:
    """The settings of a section by dotted key: the value to compare, and how it is written."""
    value = getattr(params, section)
    if section == "rounds":
        return {section: (len(value), str(len(value)))}
    if section == "temperature":
        return {
            f"{section}.{arm}": (value[arm], flow(value[arm].model_dump(mode="json", exclude_unset=True)))
            for arm in params.arms
        }
    if isinstance(value, Settings):
        written = value.model_dump(mode="json", exclude_none=False)
        return {f"{section}.{key}": (each, flow(each)) for key, each in written.items()}
    return {section: (value, flow(value))}
