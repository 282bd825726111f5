"""What a sampling engine is."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from mtpipe.model.policy import Vocabulary
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan


class Engine(Protocol):
    """Samples responses from one policy at a time.

    Every engine draws a token by the same function of its logits and of its own random number
    (`mtpipe.sampling.drawing.draw`), so that two engines differ by the rounding of their logits alone.
    """

    vocabulary: Vocabulary

    def load(self, folder: Path) -> None:
        """Goes on with the policy in another folder; raises MtpipeError where it does not fit the running one."""

    def sample(self, requests: Sequence[Request], plan: SamplingPlan) -> Iterator[Rollout]:
        """Samples one response to each request, in any order; raises MtpipeError before the first for bad input."""

    def close(self) -> None:
        """Gives memory and processes back."""
