"""An engine that keeps what it is asked for."""

from collections.abc import Iterator, Sequence

from mtpipe.model.policy import Vocabulary
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan


class Asked:
    """It answers each request with `tokens`, at the temperature that its rule gives every token, or 1."""

    def __init__(self, vocabulary: Vocabulary, tokens: Sequence[int] = (3, 4, 5, 6, 7)):
        self.vocabulary = vocabulary
        self.tokens = list(tokens)
        self.requests: list[Request] = []
        self.plans: list[SamplingPlan] = []

    @property
    def plan(self) -> SamplingPlan:
        """The last one."""
        return self.plans[-1]

    def sample(self, requests: Sequence[Request], plan: SamplingPlan) -> Iterator[Rollout]:
        self.requests += requests
        self.plans.append(plan)
        for request in requests:
            count = len(self.tokens)
            yield Rollout(
                problem_id=request.problem_id,
                sample=request.sample,
                prompt_ids=request.prompt_ids,
                base_temperature=request.base,
                response_ids=self.tokens,
                behaviour_logprobs=[-0.25] * count,
                temperatures=[getattr(request.rule, "temperature", 1.0)] * count,
                entropies=[0.5 + request.sample] * count,
            )
