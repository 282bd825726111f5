"""What a sampling engine is asked for, and what it gives back."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """One response to sample: response `sample` of the group that answers `problem_id`."""

    problem_id: str
    sample: int
    prompt_ids: list[int]


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
    response_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    temperatures: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    finish_reason: str = "length"
