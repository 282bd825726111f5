"""What a sampling engine is asked for, and what it gives back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mtpipe.temperature.rules.rule import ResolvedRule


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

    `top_p` below 1 is for evaluation: log-probs are then those of the truncated distribution, which an update
    could not score.
    """

    seed: int
    purpose: str
    max_new_tokens: int
    batch_size: int
    top_p: float = 1.0
    stop: tuple[str, ...] = ()


@dataclass
class Response:
    """A sampled response; entry j of the four lists belongs to the same token.

    `logprobs` (nats) are those the tokens were sampled with, at `temperatures`; `entropies` (nats) are those of
    the untempered distributions. `finish_reason` is "stop" after a stop token or a stop string, which is kept, else
    "length".
    """

    problem_id: str
    sample: int
    prompt_ids: list[int]
    base_temperature: float
    response_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    temperatures: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    finish_reason: str = "length"


def by_length(requests: Sequence[Request], size: int) -> Iterator[list[Request]]:
    """Batches of up to `size` requests with prompts of similar length; a worker gets the batch that one process has."""
    ordered = sorted(requests, key=lambda request: len(request.prompt_ids))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]
