"""What a sampling engine is asked for; it returns `mtpipe.records.Rollout`s."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from mtpipe.errors import MtpipeError
from mtpipe.records import NOT_EVEN
from mtpipe.temperature.mixed_cuts import MixedCuts
from mtpipe.temperature.rules.rule import ResolvedRule
from mtpipe.temperature.truncation import NONE, Truncation


@dataclass(frozen=True)
class Request:
    """One response to sample: response `sample` of the group that answers `problem_id`.

    `rule` gives its tokens their temperatures; `base` is the temperature that the response goes by in reports and in
    the update's comparisons. One that `explores` is drawn by the plan's `mixed_cuts`.

    Raises MtpipeError for a prompt without tokens, after which no model has a next token.
    """

    problem_id: str
    sample: int
    prompt_ids: list[int]
    base: float
    rule: ResolvedRule
    explores: bool = False

    def __post_init__(self) -> None:
        if not self.prompt_ids:
            raise MtpipeError(
                f"problem {self.problem_id!r} has a prompt without tokens, and a model draws its first token from "
                f"what it has read: give the problem a prompt, or leave it out"
            )


@dataclass(frozen=True)
class SamplingPlan:
    """How the tokens of a set of requests are drawn, whatever their temperatures.

    A `stop` string ends a response as a stop token does, and stays in it.

    Log-probs are those of the truncated distribution. An update can only score them with the masks that it left,
    which `record_masks` asks for; an evaluation has no use for them. Of requests that explore they are always kept.
    """

    seed: int
    purpose: str
    max_new_tokens: int
    batch_size: int
    truncation: Truncation = NONE
    record_masks: bool = False
    stop: tuple[str, ...] = ()
    mixed_cuts: MixedCuts | None = None

    @property
    def records_cuts(self) -> bool:
        """Whether masks of what truncation left are recorded."""
        return self.record_masks and self.truncation.cuts


def even_from(request: Request, plan: SamplingPlan) -> int:
    """As in Rollout."""
    return plan.mixed_cuts.warm_up if plan.mixed_cuts and request.explores else NOT_EVEN


def by_length(requests: Sequence[Request], size: int) -> Iterator[list[Request]]:
    """Batches of up to `size` requests with prompts of similar length; a worker gets the batch that one process has."""
    ordered = sorted(requests, key=lambda request: len(request.prompt_ids))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def of_one_length(batch: Sequence[Request]) -> list[list[Request]]:
    """A batch of `by_length` in parts whose prompts are of one length, for a model that cannot skip padding."""
    return [list(part) for _, part in groupby(batch, key=lambda request: len(request.prompt_ids))]


def refuse_batch_dependent(requests: Sequence[Request], engine: str) -> None:
    """Raises MtpipeError for a rule whose temperatures would follow from how an engine schedules its batch."""
    found = next((request.rule for request in requests if request.rule.batch_dependent), None)
    if found is not None:
        raise MtpipeError(
            f"the token rule {found.kind} depends on all that is sampled at the same time, which {engine} would change "
            f"from run to run; use sampling.engine torch with ray.workers null, or entropy_threshold with a quantile"
        )
