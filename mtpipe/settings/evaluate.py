"""How policies are evaluated on held-out benchmarks."""

from typing import Annotated

from pydantic import Field, field_validator

from mtpipe.settings.base import Settings, Temperature


class EvaluationSampling(Settings):
    """How the responses to one benchmark are sampled."""

    samples: int = Field(default=4, ge=1, description="responses a problem")
    temperature: Temperature = 1.0
    top_p: float = Field(
        default=1.0, gt=0, le=1, description="nucleus: the likeliest tokens that together reach this; 1 keeps all"
    )
    max_new_tokens: int = Field(default=48, ge=1, description="tokens a response")


class EvaluationOverrides(Settings):
    """What one benchmark has in the place of the settings above; null leaves them."""

    samples: int | None = Field(default=None, ge=1)
    temperature: Temperature | None = None
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_new_tokens: int | None = Field(default=None, ge=1)


class PolicyEvaluation(EvaluationSampling):
    """How one policy is evaluated on every benchmark."""

    seed: int = Field(default=0, ge=0)
    benchmarks: dict[str, EvaluationOverrides] = Field(
        default={}, description="other settings for single benchmarks, by name"
    )

    def of(self, benchmark: str, temperature: float | None = None) -> EvaluationSampling:
        """The settings of one benchmark; a `temperature` replaces its own."""
        settings = self.model_dump(include=set(EvaluationSampling.model_fields))
        if benchmark in self.benchmarks:
            settings |= self.benchmarks[benchmark].model_dump(exclude_none=True)
        if temperature is not None:
            settings["temperature"] = temperature
        return EvaluationSampling(**settings)


class Evaluate(PolicyEvaluation):
    """Which policies are evaluated: the warm start and some of each arm's."""

    after: list[Annotated[int, Field(ge=1)]] = Field(
        default=[2, 5], min_length=1, description="policies to evaluate, the last included"
    )
    sweep: list[Annotated[int | float, Field(gt=0)]] = Field(
        default=[],
        description="further temperatures at which the last policies are evaluated, each once more on every benchmark",
    )

    @field_validator("sweep")
    @classmethod
    def _each_once(cls, temperatures: list[int | float]) -> list[int | float]:
        if len(set(temperatures)) < len(temperatures):
            raise ValueError(f"{temperatures} lists a temperature more than once")
        return temperatures
