"""What a sampling engine is asked for, and what it gives back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mtpipe.errors import MtpipeError
from mtpipe.temperature.rules.rule import ResolvedRule
from mtpipe.temperature.truncation import NONE, Truncation


@dataclass(frozen=True)
class Request:
    """One response to sample: response `sample` of the group that answers `problem_id`.

    `rule` gives its tokens their temperatures; `base` is the temperature that the response goes by in reports and in
    the update's comparisons.
    """

    problem_id: str
    sample: int
    prompt_ids: list[int]
    base: float
    rule: ResolvedRule


@dataclass(frozen=True)
class SamplingPlan:
    """How the tokens of a set of requests are drawn, whatever their temperatures.

    A `stop` string ends a response as a stop token does, and stays in it.

    Log-probs are those of the truncated distribution. An update can only score them with the masks that it left,
    which `record_masks` asks for; an evaluation has no use for them.
    """

    seed: int
    purpose: str
    max_new_tokens: int
    batch_size: int
    truncation: Truncation = NONE
    record_masks: bool = False
    stop: tuple[str, ...] = ()


@dataclass
class Response:
    """A sampled response; entry j of `response_ids` and of the lists of floats belongs to the same token.

    `behaviour_logprobs` (nats) are those the tokens were sampled with, at `temperatures`; `entropies` (nats) are
    those of the untempered distributions. `mask_sizes` and `mask_ids` are the columns of a `Masks`, empty where
    nothing was cut or no masks were asked for. `finish_reason` is "stop" after a stop token or a stop string, which
    is kept, else "length".
    """

    problem_id: str
    sample: int
    prompt_ids: list[int]
    base_temperature: float
    response_ids: list[int] = field(default_factory=list)
    behaviour_logprobs: list[float] = field(default_factory=list)
    temperatures: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    mask_sizes: list[int] = field(default_factory=list)
    mask_ids: list[int] = field(default_factory=list)
    finish_reason: str = "length"


def by_length(requests: Sequence[Request], size: int) -> Iterator[list[Request]]:
    """Batches of up to `size` requests with prompts of similar length; a worker gets the batch that one process has."""
    ordered = sorted(requests, key=lambda request: len(request.prompt_ids))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def refuse_batch_dependent(requests: Sequence[Request], engine: str) -> None:
    """Raises MtpipeError for a rule whose temperatures would follow from how an engine schedules its batch."""
    found = next((request.rule for request in requests if request.rule.batch_dependent), None)
    if found is not None:
        raise MtpipeError(
            f"the token rule {found.kind} depends on all that is sampled at the same time, which {engine} would change "
            f"from run to run; use sampling.engine torch with ray.workers null, or entropy_threshold with a quantile"
        )
