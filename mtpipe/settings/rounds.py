"""The rounds of a run."""

from pydantic import Field

from mtpipe.settings.base import Settings


class Round(Settings):
    """One round: it samples from policy `n` and its update writes policy `next`."""

    n: int = Field(ge=0)
    next: int = Field(ge=1, description="always n + 1, because dvc.yaml cannot add")


def spelled_out(count: int) -> list[Round]:
    """So many rounds, one after the other."""
    return [Round(n=n, next=n + 1) for n in range(count)]
